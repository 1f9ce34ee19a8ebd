"""Whole blocks checked by Arrow in a few milliseconds, and written again where the file needs it.

Single cells are examined only where that finds something. Both accept the same spellings: those
that PostgreSQL, its session set to the same zone, reads the same way.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from timestack.domains.load.layout import Layout, Omitted
from timestack.domains.load.numbers import NUMBERS, WHOLE
from timestack.domains.load.records import Block
from timestack.domains.load.times import EPOCH, MICROSECONDS

NONE = np.empty(0, np.int64)
AWARE = pa.timestamp("us", "UTC")
NAIVE = pa.timestamp("us")
FINE = pa.timestamp("ns", "UTC")
NAIVE_FINE = pa.timestamp("ns")
# From here on a float may equal more than one integer.
EXACT = 2.0**53
# Numbers for PostgreSQL that the file must not contain; text may contain them, too.
SUSPECT = (b"nan", b"inf", b"_", b"0x", b"0o", b"0b")


@dataclass(frozen=True, slots=True)
class Checked:
    """A block that may be sent, and its rows' ``times`` in microseconds since 1970 (UTC).

    A time that is NULL is 0; without a column of times there are none. ``rounded`` is how many
    times were finer than a microsecond.
    """

    block: Block
    times: np.ndarray
    rounded: int = 0


class Columnar:
    """Checks whole blocks: that their times and numbers are valid."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._rules = layout.rules
        micros = timedelta(microseconds=1)
        self._earliest = (layout.rules.earliest - EPOCH) // micros
        self._latest = (layout.rules.latest - EPOCH) // micros
        # Names of the file's columns that are surely different.
        self._names = [str(number) for number in range(len(layout.fields))]
        named = list(zip(self._names, layout.fields, strict=True))
        columns = [(name, field) for name, field in named if not isinstance(field, Omitted)]
        self._kept = [name for name, _ in columns]
        self._times = [name for name, column in columns if column.base == "timestamptz"]
        self._table_time = next((n for n, column in columns if column.name == layout.time), None)
        self._whole = [name for name, column in columns if column.base in WHOLE]
        self._numbers = [name for name, column in columns if column.base in NUMBERS]
        self._indexes = [name for name, field in named if field is Omitted.ROW_NUMBERS]
        self._empty = [name for name, field in named if field is Omitted.EMPTY]
        self._parsing = pa.csv.ParseOptions(delimiter=layout.delimiter)
        # The way that worked for the last block's times is tried first on the next.
        self._types = [AWARE, FINE]
        if self._rules.zone:
            self._types += [NAIVE, NAIVE_FINE]
        if self._rules.epoch:
            self._types = [pa.int64()]

    def check(self, block: Block) -> Checked | None:
        """Return a block that may be sent; None when a row of it must be examined."""
        lower = block.data.lower() if self._numbers or self._whole else b""
        # Searching for a letter is faster than for a text whose beginning is frequent.
        if any(text[-1:] in lower and text in lower for text in SUSPECT) and not self._decimal(
            block
        ):
            return None
        for whole, type in product((pa.int64(), pa.float64()), list(self._types)):
            parsed = self._parse(
                block,
                dict.fromkeys(self._indexes, pa.int64())
                | dict.fromkeys(self._whole, whole)
                | dict.fromkeys(self._times, type)
                | dict.fromkeys(self._empty, pa.string()),
            )
            if parsed is not None:
                self._types.sort(key=lambda each: each is not type)
                return self._judge(block, parsed)
        return None

    def _decimal(self, block: Block) -> bool:
        """Whether all numbers are finite ones in decimal digits."""
        names = self._whole + self._numbers
        parsed = self._parse(block, dict.fromkeys(names, pa.float64()))
        return parsed is not None and all(
            pc.all(pc.is_finite(column), min_count=0).as_py() for column in parsed.columns
        )

    def _parse(self, block: Block, types: dict[str, pa.DataType]) -> pa.Table | None:
        if not types:
            return pa.table({})
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
                    include_columns=list(types),
                    column_types=types,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    decimal_point=self._layout.decimal,
                ),
            )
        except pa.ArrowInvalid:
            return None

    def _judge(self, block: Block, parsed: pa.Table) -> Checked | None:
        if any(parsed[name].null_count < len(parsed) for name in self._empty):
            return None
        table_time, rounded = NONE, 0
        # The columns that are sent in another spelling than the file's.
        written: dict[str, pa.ChunkedArray] = {}
        try:
            for name in self._times:
                column, finer = self._micros(parsed[name])
                micros = column.cast(pa.int64())
                span = pc.min_max(micros).as_py()
                if span["min"] is not None and not (
                    self._earliest <= span["min"] and span["max"] <= self._latest
                ):
                    return None
                rounded += finer
                if self._rules.epoch:
                    written[name] = column
                if name == self._table_time:
                    table_time = micros.fill_null(0).to_numpy()
            for name in self._whole:
                if pa.types.is_floating(parsed[name].type):
                    largest = pc.max(pc.abs(parsed[name])).as_py()
                    if largest is not None and largest >= EXACT:
                        return None
                    # Raises for a fraction.
                    written[name] = parsed[name].cast(pa.int64())
        except pa.ArrowInvalid:
            return None
        if self._layout.is_plain and not written:
            return Checked(block, table_time, rounded)
        sent = self._write(block, written)
        return None if sent is None else Checked(replace(block, sent=sent), table_time, rounded)

    def _micros(self, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
        """Return times to the microsecond, and how many were rounded to it.

        Raises pa.ArrowInvalid for a time that the zone skipped or had twice, and for overflow.
        """
        rounded, zone = 0, getattr(column.type, "tz", None)
        if self._rules.epoch:
            zone = "UTC"
            scale = MICROSECONDS[self._rules.epoch]
            if scale >= 1:
                column = pc.multiply_checked(column, int(scale))
        if self._rules.epoch == "ns" or getattr(column.type, "unit", None) == "ns":
            column, rounded = _round(column.cast(pa.int64()))
        column = column.cast(pa.timestamp("us", zone))
        if zone is None:
            column = pc.assume_timezone(column, self._rules.zone.key)
        return column, rounded

    def _write(self, block: Block, written: dict[str, pa.ChunkedArray]) -> bytes | None:
        """Return the rows as PostgreSQL's CSV, without omitted columns."""
        parsed = self._parse(block, dict.fromkeys(self._kept, pa.string()))
        if parsed is None:
            return None
        for number, name in enumerate(self._kept):
            if name in written:
                parsed = parsed.set_column(number, name, written[name])
            elif self._layout.decimal == "," and name in self._whole + self._numbers:
                if pc.any(pc.match_substring(parsed[name], "."), min_count=0).as_py():
                    return None
                points = pc.replace_substring(parsed[name], ",", ".")
                parsed = parsed.set_column(number, name, points)
        text = io.BytesIO()
        options = pa.csv.WriteOptions(include_header=False, delimiter=self._layout.delimiter)
        pa.csv.write_csv(parsed, text, options)
        return text.getvalue()


def _round(nanoseconds: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    micros = pc.add(nanoseconds, 500).cast(pa.int64())
    # Arrow's division goes towards zero, also before 1970.
    values = micros.fill_null(0).to_numpy()
    original = nanoseconds.fill_null(0).to_numpy()
    rounded = int(np.count_nonzero(original % 1000))
    floored = pa.array(values // 1000, mask=nanoseconds.is_null().to_numpy())
    return pa.chunked_array([floored]), rounded
