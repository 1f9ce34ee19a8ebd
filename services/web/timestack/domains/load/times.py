"""Time stamps: ISO 8601 with an offset, or in one named zone.

A block is checked column-wise by Arrow in a few milliseconds; only where that finds something is
a cell looked at by itself. Both accept the same spelling, so what passes is what PostgreSQL, its
session set to the same zone, reads the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from timestack.domains.load.records import Block
from timestack.domains.load.table import Column

NUMBERS = ("float4", "float8", "numeric")
NONE = np.empty(0, np.int64)
AWARE = pa.timestamp("us", "UTC")
NAIVE = pa.timestamp("us")
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
# A year that is mistyped makes a chunk far away from all others.
FAR = timedelta(days=3653)


@dataclass(frozen=True)
class Rules:
    """What a time may be. ``zone`` is the one that times without an offset are in, or None."""

    zone: ZoneInfo | None
    earliest: datetime
    latest: datetime

    def read(self, cell: str) -> datetime:
        """Return the time of one cell; raises ValueError saying what is wrong with it."""
        try:
            time = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError(
                f"{cell!r} is not a time in ISO 8601, such as 2026-01-31T12:00:00Z"
            ) from None
        if time.tzinfo is None:
            time = self._localize(time, cell)
        if not self.earliest <= time <= self.latest:
            first, last = self.earliest.date(), self.latest.date()
            raise ValueError(
                f"{cell!r} is not between {first} and {last}: see --earliest and --latest"
            )
        return time

    def _localize(self, time: datetime, cell: str) -> datetime:
        if self.zone is None:
            raise ValueError(f"{cell!r} has no offset from UTC: add one, or say the zone with --tz")
        first, second = (time.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first
        # A time that was skipped comes back from UTC as another one (PEP 495).
        if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != time:
            raise ValueError(f"{cell!r} was skipped in {self.zone.key} when clocks went forward")
        raise ValueError(
            f"{cell!r} came twice in {self.zone.key} when clocks went back: give its offset"
        )


class Columnar:
    """Checks whole blocks: their times, and that their numbers are some."""

    def __init__(self, columns: Sequence[Column], delimiter: str, rules: Rules, table_time: str):
        self._names = [column.name for column in columns]
        self._times = [column.name for column in columns if column.base == "timestamptz"]
        self._numbers = [column.name for column in columns if column.base in NUMBERS]
        self._table_time = table_time
        self._rules = rules
        self._parsing = pa.csv.ParseOptions(delimiter=delimiter)
        # The way that the last block's times could be read is tried first on the next.
        self._types = [AWARE, NAIVE] if rules.zone else [AWARE]

    def check(self, block: Block) -> np.ndarray | None:
        """Return the table's time in microseconds since 1970 (UTC), one per row, NULL as 0.

        None when a row of the block needs a closer look; empty without such a column.
        """
        lower = block.data.lower() if self._numbers else b""
        if (b"nan" in lower or b"inf" in lower) and not self._finite(block):
            return None
        if not self._times:
            return NONE
        for type in list(self._types):
            parsed = self._parse(block, self._times, type)
            if parsed is not None:
                self._types.sort(key=lambda each: each is not type)
                return self._judge(parsed)
        return None

    def _finite(self, block: Block) -> bool:
        parsed = self._parse(block, self._numbers, pa.float64())
        return parsed is not None and all(
            pc.all(pc.is_finite(column), min_count=0).as_py() for column in parsed.columns
        )

    def _parse(self, block: Block, names: list[str], type: pa.DataType) -> pa.Table | None:
        self._parsing.newlines_in_values = b'"' in block.data
        try:
            return pa.csv.read_csv(
                pa.BufferReader(block.data),
                pa.csv.ReadOptions(
                    column_names=self._names,
                    use_threads=False,
                    block_size=len(block.data) + 1,
                ),
                self._parsing,
                pa.csv.ConvertOptions(
                    include_columns=names,
                    column_types=dict.fromkeys(names, type),
                    null_values=[""],
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None

    def _judge(self, parsed: pa.Table) -> np.ndarray | None:
        table_time = NONE
        for name in self._times:
            column = parsed[name]
            if column.type == NAIVE:
                try:
                    # Raises for a time that the zone skipped or had twice.
                    column = pc.assume_timezone(column, self._rules.zone.key)
                except pa.ArrowInvalid:
                    return None
            span = pc.min_max(column).as_py()
            if span["min"] is not None and not (
                self._rules.earliest <= span["min"] and span["max"] <= self._rules.latest
            ):
                return None
            if name == self._table_time:
                table_time = column.cast(pa.int64()).fill_null(0).to_numpy()
        return table_time
