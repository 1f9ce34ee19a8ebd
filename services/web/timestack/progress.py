"""How far a piece of work is, for those who watch it."""

from __future__ import annotations

import time
from collections.abc import Callable

# Called with a fraction from 0 to 1 and a sentence.
Progress = Callable[[float, str], None]


def unwatched(fraction: float, message: str) -> None:
    """The Progress of work that is not watched."""


def pausing(progress: Progress) -> Callable[[float], None]:
    """Return what waits so many seconds, says so meanwhile, and ends where ``progress`` raises."""

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            progress(0, f"asking again in {left:.0f} s")
            time.sleep(min(left, 1))

    return pause
