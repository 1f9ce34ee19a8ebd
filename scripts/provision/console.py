"""Progress for a person and for a log: one line per step, with its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(name: str) -> Iterator[list[str]]:
    """Print ``name``, what the block appends to the list it is given, and how long it took.

    >>> with step("migrate") as notes:
    ...     notes.append("at revision 0003")
    migrate   at revision 0003  (0.1 s)
    """
    notes: list[str] = []
    start = time.monotonic()
    try:
        yield notes
    except BaseException:
        taken = time.monotonic() - start
        print(f"{name:<9} failed after {taken:.1f} s", file=sys.stderr, flush=True)
        raise
    say(f"{name:<9} {'; '.join(notes) or 'done'}  ({time.monotonic() - start:.1f} s)")
