"""How far a piece of work is, for those who watch it."""

from __future__ import annotations

from collections.abc import Callable

# Called with a fraction from 0 to 1 and a sentence.
Progress = Callable[[float, str], None]


def unwatched(fraction: float, message: str) -> None:
    """The Progress of work that is not watched."""
