"""Blocks on their way from the file to the lanes: checked, and sorted into good rows and bad."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

import numpy as np

from timestack.domains.load.chunks import Chunks
from timestack.domains.load.diagnose import Diagnosis
from timestack.domains.load.errors import BadRow, BadRowsError, LoadError
from timestack.domains.load.lanes import REFUSALS, Failure, Fleet, Lane, blame, line_of, reason_of
from timestack.domains.load.records import Block
from timestack.domains.load.times import Columnar

# So many bad rows show what is wrong with a file; reading on would only take time.
MOST_BAD_ROWS = 1000
# One row in so many tells where the times lie.
SAMPLED = 1000


class Intake:
    """Counts what is ``read`` and ``rejected``. ``seen`` is called after each block."""

    def __init__(self, columnar: Columnar, diagnosis: Diagnosis, seen: Callable[[int], None]):
        self.read = 0
        self.rejected = 0
        self._columnar = columnar
        self._diagnosis = diagnosis
        self._seen = seen
        self._sample: list[int] = []

    def cuts(self, parts: int) -> list[int]:
        """Return times (microseconds since 1970) that cut the rows read into equal parts."""
        if not self._sample:
            return [0] * (parts - 1)
        shares = [part / parts for part in range(1, parts)]
        return [int(cut) for cut in np.quantile(self._sample, shares)]

    def feed(
        self, blocks: Iterator[Block], fleet: Fleet, chunks: Chunks | None, scratch: Lane
    ) -> None:
        """Hand every block to the fleet and wait until all are written.

        From the first bad row on nothing more is written: the rest goes through ``scratch``, a
        lane into a table without indexes, to find the other bad rows. Raises BadRowsError.
        """
        bad: list[BadRow] = []
        complete = True
        try:
            for block in blocks:
                if bad or fleet.failures:
                    bad += self._verify(block, scratch)
                else:
                    bad += self._send(block, fleet, chunks)
                self._seen(self.read)
                if len(bad) >= MOST_BAD_ROWS:
                    complete = False
                    break
        finally:
            fleet.finish()
        for failure in fleet.failures:
            bad += self._explain(failure, scratch)
        if bad:
            raise BadRowsError(bad, complete)

    def sort(self, blocks: Iterator[Block], lane: Lane, quarantine: TextIO) -> None:
        """Write the good rows of every block by one lane, and the bad ones to the quarantine.

        The quarantine is a CSV file of line, column, reason and the row's own text.
        """
        aside = csv.writer(quarantine)
        aside.writerow(["line", "column", "reason", "row"])
        for block in blocks:
            if self._look(block) is not None and lane.attempt(block) is None:
                self.read += block.rows
            else:
                examined = self._diagnosis.examine(block)
                bad = examined.bad + lane.place(examined.good)
                self.read += len(examined.good) + len(examined.bad)
                self.rejected += len(bad)
                for row in sorted(bad, key=lambda row: row.line):
                    columns = "; ".join(fault.column for fault in row.faults if fault.column)
                    reasons = "; ".join(fault.reason for fault in row.faults)
                    text = row.data.decode(errors="backslashreplace").replace("\0", "\\x00")
                    aside.writerow([row.line, columns, reasons, text])
            self._seen(self.read)

    def _look(self, block: Block) -> np.ndarray | None:
        """Return the rows' times, or None when the block needs a closer look."""
        data = block.data
        if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data or b"\n\r\n" in data:
            return None
        return self._columnar.check(block)

    def _send(self, block: Block, fleet: Fleet, chunks: Chunks | None) -> list[BadRow]:
        times = self._look(block)
        if times is None:
            examined = self._diagnosis.examine(block)
            if examined.bad:
                return examined.bad
            block, times = Block.of(examined.good), examined.times
        self.read += block.rows
        if chunks:
            self._sample += times[::SAMPLED].tolist()
            chunks.foresee(block, times)
        if block.rows:
            fleet.write(block)
        return []

    def _verify(self, block: Block, scratch: Lane) -> list[BadRow]:
        if self._look(block) is not None and scratch.attempt(block) is None:
            return []
        return self._diagnosis.examine(block).bad

    def _explain(self, failure: Failure, scratch: Lane) -> Sequence[BadRow]:
        error = failure.error
        if error is None:
            return self._verify(failure.block, scratch)
        bad = self._diagnosis.examine(failure.block).bad
        if bad:
            return bad
        records = failure.block.records()
        at = line_of(error)
        if at and at <= len(records):
            return [blame(records[at - 1], error)]
        if isinstance(error, REFUSALS):
            # A foreign key is checked after the last row, and its message names no line.
            lines = f"lines {records[0].line} to {records[-1].line}"
            raise LoadError(f"{lines}: {reason_of(error)}")
        raise error
