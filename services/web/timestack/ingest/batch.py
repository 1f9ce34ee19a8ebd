"""Rows by column on their way into a table, and what is refused of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# The column of readings that names its sensor by its place in a list of series, until it is found.
SERIES = "series"
# So many faults show what is wrong with a body; of the others only the number is kept.
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that fill the same columns; ``lines`` says where each was in the body, from 1.

    A column of times is in microseconds since 1970 (UTC); one that is neither number nor boolean is
    text that PostgreSQL reads.
    """

    lines: np.ndarray
    columns: Mapping[str, pa.Array]

    def __len__(self) -> int:
        return len(self.lines)

    def slice(self, start: int, count: int) -> Batch:
        """Return some of the rows."""
        return Batch(
            self.lines[start : start + count],
            {name: column.slice(start, count) for name, column in self.columns.items()},
        )

    def where(self, kept: np.ndarray) -> Batch:
        """Return the rows for which a mask is true."""
        mask = pa.array(kept)
        return Batch(
            self.lines[kept], {name: column.filter(mask) for name, column in self.columns.items()}
        )


class Refused:
    """The lines that are refused, and why: each once, the first MOST_SHOWN with a sentence."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self._shown: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, line: int, reason: str) -> None:
        """Refuse a line; what it is refused for first counts."""
        if line not in self.lines:
            self.lines.add(line)
            if len(self._shown) < MOST_SHOWN:
                self._shown[line] = reason

    def mask(self, lines: np.ndarray) -> np.ndarray:
        """Whether each of some lines is refused."""
        if not self.lines:
            return np.zeros(len(lines), bool)
        return np.isin(lines, np.fromiter(self.lines, np.int64, len(self.lines)))

    def shown(self) -> list[tuple[int, str]]:
        """Return lines and reasons in the order of the body."""
        return sorted(self._shown.items())

    def copy(self) -> Refused:
        """Return one that goes on from here."""
        other = Refused()
        other.lines, other._shown = set(self.lines), dict(self._shown)
        return other
