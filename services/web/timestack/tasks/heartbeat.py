"""Heartbeat files: a worker or beat that works touches its file, the health check reads its age.

Run as a file (``python timestack/tasks/heartbeat.py worker``) and with the standard library
alone, the check costs 20 ms; importing Celery for it would cost half a second every time.
"""

import sys
import tempfile
import time
from pathlib import Path

# Seconds without a heartbeat after which a process counts as dead. A worker's event loop beats
# every WORKER_PERIOD while it is connected; beat does with every repair, each 10 s, that reached
# the database and Redis.
WORKER_PERIOD = 5
LIMITS = {"worker": 30, "beat": 90}


def path(name: str) -> Path:
    """Return the heartbeat file of ``worker`` or ``beat``."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        # None has room for a new file; the one that is there can be touched.
        folder = "/tmp"  # noqa: S108 (a container's own)
    return Path(folder) / f"timestack-{name}.heartbeat"


def touch(name: str) -> None:
    """Record that ``name`` works at this moment."""
    path(name).touch()


def check(name: str) -> str | None:
    """Return None when ``name`` is alive, else a sentence saying what is wrong."""
    file = path(name)
    try:
        age = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return f"{name} has not started: {file} does not exist"
    if age > LIMITS[name]:
        return (
            f"{name} is stuck or cut off from Redis: {file} was last touched {age:.0f} s ago,"
            f" the limit is {LIMITS[name]} s"
        )
    return None


def main(arguments: list[str]) -> int:
    """Exit status 0 when the named process is alive, 1 when it is not, 2 on wrong usage."""
    if len(arguments) != 1 or arguments[0] not in LIMITS:
        print(f"usage: heartbeat.py {{{','.join(LIMITS)}}}", file=sys.stderr)
        return 2
    fault = check(arguments[0])
    if fault:
        print(fault, file=sys.stderr)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
