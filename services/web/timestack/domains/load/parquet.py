"""Parquet as CSV text: a few pages of each column in memory, however large a row group is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from timestack.domains.load.errors import LoadError

MAGIC = b"PAR1"
# How the text is written, whatever is asked for.
OPTIONS = {"has_header": True, "delimiter": ",", "escape": None, "decimal": "."}
ROWS_PER_BATCH = 8192
# Without a buffer of its own Arrow reads a row group's whole column at once.
BUFFER = 1 << 18
# From here on Arrow writes a float with an exponent, which no integer column takes.
EXPONENT = 1e10


class Rows:
    """The rows of one file. ``part`` is how much of it was read, from 0 to 1."""

    def __init__(self, raw: BinaryIO, name: str):
        """Read the footer; raises LoadError for what is not Parquet or what CSV cannot hold."""
        self._name = name
        try:
            self._file = pa.parquet.ParquetFile(raw, pre_buffer=False, buffer_size=BUFFER)
        except (pa.ArrowException, OSError) as error:
            raise LoadError(f"{name}: not a sound Parquet file: {error}") from None
        schema = self._file.schema_arrow
        unfit = [f"column {field.name!r} is {field.type}" for field in schema if not _fits(field)]
        if unfit:
            more = f" and {len(unfit) - 10} more" if len(unfit) > 10 else ""
            raise LoadError(
                f"{name}: {'; '.join(unfit[:10])}{more}: a cell must hold one value,"
                " a number, a text or a time"
            )
        self._read = 0

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self._file.schema_arrow

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._file.metadata.num_rows

    @property
    def part(self) -> float:
        return self._read / max(self._file.metadata.num_rows, 1)

    def as_csv(self) -> Iterator[bytes]:
        """Yield CSV text in UTF-8, the names first. Raises LoadError when the file is damaged."""
        empty = self._file.schema_arrow.empty_table()
        yield _written(pa.table([_plain(column) for column in empty.columns], empty.column_names))
        try:
            for batch in self._file.iter_batches(ROWS_PER_BATCH, use_threads=False):
                columns = [_plain(column) for column in batch.columns]
                yield _written(
                    pa.RecordBatch.from_arrays(columns, batch.schema.names), header=False
                )
                self._read += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise LoadError(f"{self._name}: the Parquet file is damaged: {error}") from None


def _fits(field: pa.Field) -> bool:
    """Whether values of a column can be written as text without loss."""
    type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_nested(type) or pa.types.is_duration(type) or _is_binary(type):
        return False
    try:
        _written(pa.table([_plain(pa.array([], field.type))], [field.name]))
    except (pa.ArrowException, pa.ArrowTypeError):
        return False
    return True


def _is_binary(type: pa.DataType) -> bool:
    return any(
        check(type)
        for check in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_fixed_size_binary,
            pa.types.is_binary_view,
        )
    )


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return a column of a type, and with values, that Arrow writes as PostgreSQL reads them."""
    type = column.type
    if pa.types.is_string_view(type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(type) and type.unit == "ns":
        return _microseconds(column)
    if pa.types.is_float32(type) or pa.types.is_float64(type):
        return _without_exponent(column)
    return column


def _microseconds(column: pa.Array) -> pa.Array:
    """Nanoseconds that are whole microseconds, as most are, in the shorter spelling."""
    try:
        return column.cast(pa.timestamp("us", column.type.tz))
    except pa.ArrowInvalid:
        return column


def _without_exponent(column: pa.Array) -> pa.Array:
    """Write large whole numbers out: a float column may well be loaded into a bigint."""
    largest = pc.max(pc.abs(column)).as_py()
    if largest is None or not largest >= EXPONENT:
        return column
    whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), 2.0**63))
    digits = pc.if_else(whole, column, None).cast(pa.int64(), safe=False).cast(pa.string())
    return pc.coalesce(digits, column.cast(pa.string()))


def _written(rows: pa.Table | pa.RecordBatch, *, header: bool = True) -> bytes:
    text = io.BytesIO()
    pa.csv.write_csv(rows, text, pa.csv.WriteOptions(include_header=header))
    return text.getvalue()
