"""The errors of a load: of the whole, or of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# An error lists no more items, to fit on a screen.
MOST = 10


def listed(items: Sequence[str]) -> list[str]:
    """Return the first ten items, and how many more there are as an eleventh."""
    more = len(items) - MOST
    return [*items[:MOST], *([f"... and {more:,} more"] if more > 0 else [])]


class LoadError(Exception):
    """The load cannot be done; nothing was written. The message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one row is refused. ``column`` is None for a fault of the whole row."""

    column: str | None
    reason: str

    def __str__(self) -> str:
        return f"{self.column}: {self.reason}" if self.column else self.reason


@dataclass(frozen=True, slots=True)
class BadRow:
    """A refused row: the line of the file it starts at, its bytes, and all its faults."""

    line: int
    data: bytes
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"line {self.line}: {'; '.join(listed([str(fault) for fault in self.faults]))}"


class BadRowsError(LoadError):
    """Rows were refused and there is no quarantine for them; nothing was loaded.

    ``rows`` are in the file's order; ``complete`` is False when reading stopped before its end.
    """

    def __init__(self, rows: Sequence[BadRow], complete: bool):
        self.rows = tuple(sorted(rows, key=lambda row: row.line))
        self.complete = complete
        count = f"{len(rows)} bad row{'' if len(rows) == 1 else 's'}"
        super().__init__(count if complete else f"{count} so far, the rest was not read")
