"""The rollups follow what was written within seconds, by one message for all writes of a while.

The message waits for the end of that while, so that what is written meanwhile needs none: the
worker starts after it. One that is lost is made up for by the next one, or by the clock.
"""

from __future__ import annotations

import time
from threading import Lock

from timestack import queue

TASK = "rollups.follow"
# Seconds.
WHILE = 2.0

_lock = Lock()
# Until when a message is on its way, by table.
_until: dict[str, float] = {}


def ask(table: str) -> None:
    """Have the rollups of a table computed again where it changed, soon."""
    now = time.monotonic()
    with _lock:
        if now < _until.get(table, 0.0):
            return
        _until[table] = now + WHILE
    queue.send(TASK, table, queue=queue.SHORT, delay=WHILE)
