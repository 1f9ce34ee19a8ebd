"""Blocks on their way from the file to the lanes: checked, and sorted into good rows and bad."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TextIO

import numpy as np

from timestack.domains.load.chunks import Chunks, Forecast
from timestack.domains.load.columnar import Checked, Columnar
from timestack.domains.load.diagnose import Diagnosis
from timestack.domains.load.errors import BadRow, BadRowsError
from timestack.domains.load.lanes import Failure, Fleet, Lane
from timestack.domains.load.records import Block, quotes_are_sound
from timestack.domains.load.refusals import REFUSALS, blame, line_of

# So many bad rows show a file's faults; reading on would only take time.
MOST_BAD_ROWS = 1000
# One row in so many is sampled to see where the times lie.
SAMPLED = 1000


class Feeder:
    """Counts rows that are ``read`` and ``rejected``, and times that are ``rounded``.

    ``seen`` is called after each block.
    """

    def __init__(
        self,
        columnar: Columnar,
        diagnosis: Diagnosis,
        delimiter: str,
        forecast: Forecast | None,
        seen: Callable[[int], None],
    ):
        self.read = 0
        self.rejected = 0
        self.rounded = 0
        self._delimiter = delimiter
        self._forecast = forecast
        self._columnar = columnar
        self._diagnosis = diagnosis
        self._seen = seen
        self._sample: list[int] = []
        # By a block's offset: the line of its first row, and of each row where some have several.
        self._lines: dict[int, tuple[int, np.ndarray | None]] = {}

    def cuts(self, parts: int) -> list[int]:
        """Return times (microseconds since 1970) that cut the rows read into equal parts."""
        if not self._sample:
            return [0] * (parts - 1)
        shares = [part / parts for part in range(1, parts)]
        return [int(cut) for cut in np.quantile(self._sample, shares)]

    def line(self, offset: int, place: int) -> int:
        """Return the line of a row that was fed, by its block and its place in that, from 0."""
        first, lines = self._lines[offset]
        return first + (place if lines is None else int(lines[place]))

    def feed(self, blocks: Iterator[Block], fleet: Fleet, chunks: Chunks | None) -> None:
        """Hand every block to the fleet and wait until all are written.

        At the first bad row everything is undone, and the rest of the file is tried on one lane,
        to find the other bad rows. Raises BadRowsError.
        """
        try:
            doubtful = self._send_all(blocks, fleet, chunks)
        finally:
            fleet.finish()
        failed = sorted(fleet.failures, key=lambda failure: failure.block.offset)
        if not (failed or doubtful):
            return
        for failure in failed:
            if failure.error and not isinstance(failure.error, REFUSALS):
                raise failure.error
        for lane in fleet.lanes:
            lane.again()
        rest = chain((failure.block for failure in failed), doubtful, blocks)
        bad, complete = self._find(rest, fleet.lanes[0])
        # A row may be good by itself and collide with one that was undone.
        raise BadRowsError(bad or [_blame(each) for each in failed if each.error], complete)

    def _send_all(
        self, blocks: Iterator[Block], fleet: Fleet, chunks: Chunks | None
    ) -> list[Block]:
        """Hand blocks to the fleet until one is faulty; returns that one."""
        for block in blocks:
            if fleet.failures or not self._send(block, fleet, chunks):
                return [block]
            self._seen(self.read)
        return []

    def _find(self, blocks: Iterator[Block], lane: Lane) -> tuple[list[BadRow], bool]:
        """Return the bad rows of blocks, and whether these are all."""
        bad: list[BadRow] = []
        for block in blocks:
            checked = self._look(block)
            if not checked or lane.attempt(checked.block) is not None:
                examined = self._diagnosis.examine(block)
                bad += examined.bad
                bad += lane.place(examined.good, MOST_BAD_ROWS - len(bad))
            self._seen(self.read)
            if len(bad) >= MOST_BAD_ROWS:
                return bad, False
        return bad, True

    def sort(self, blocks: Iterator[Block], lane: Lane, quarantine: TextIO) -> None:
        """Write the good rows of every block by one lane, and the bad ones to the quarantine.

        The quarantine is a CSV file of line, column, reason and the row's own text.
        """
        aside = csv.writer(quarantine)
        aside.writerow(["line", "column", "reason", "row"])
        for block in blocks:
            checked = self._look(block)
            if checked and self._forecast:
                self._forecast.count(checked.times)
            if checked and lane.attempt(checked.block) is None:
                self.read += block.rows
                self.rounded += checked.rounded
            else:
                examined = self._diagnosis.examine(block)
                bad = examined.bad + lane.place(examined.good)
                self.read += len(examined.good) + len(examined.bad)
                self.rounded += examined.rounded
                self.rejected += len(bad)
                for row in sorted(bad, key=lambda row: row.line):
                    columns = "; ".join(fault.column for fault in row.faults if fault.column)
                    reasons = "; ".join(fault.reason for fault in row.faults)
                    text = row.data.decode(errors="backslashreplace").replace("\0", "\\x00")
                    aside.writerow([row.line, columns, reasons, text])
            self._seen(self.read)

    def _note(self, block: Block) -> None:
        """Keep the lines of a block's rows."""
        lines = None
        if block.kept is not None or block.rows != block.data.count(b"\n"):
            offsets = [record.line - block.line for record in block.records()]
            lines = np.array(offsets, np.min_scalar_type(max(offsets, default=0)))
        self._lines[block.offset] = (block.line, lines)

    def _look(self, block: Block) -> Checked | None:
        """Return the block as it may be sent, or None when it must be examined."""
        data = block.data
        if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data or b"\n\r\n" in data:
            return None
        if not quotes_are_sound(data, self._delimiter):
            return None
        return self._columnar.check(block)

    def _send(self, block: Block, fleet: Fleet, chunks: Chunks | None) -> bool:
        """Hand a block to the fleet; False, without doing so, when it has a bad row."""
        checked = self._look(block)
        if checked is None:
            examined = self._diagnosis.examine(block)
            if examined.bad:
                return False
            checked = Checked(Block.of(examined.good), examined.times, examined.rounded)
        self._note(checked.block)
        self.read += checked.block.rows
        self.rounded += checked.rounded
        if self._forecast:
            self._forecast.count(checked.times)
        if chunks:
            self._sample += checked.times[::SAMPLED].tolist()
            chunks.foresee(checked.block, checked.times)
        if checked.block.rows:
            fleet.write(checked.block)
        return True


def _blame(failure: Failure) -> BadRow:
    records = failure.block.records()
    return blame(records[(line_of(failure.error, records) or 1) - 1], failure.error)
