"""CSV and Parquet: whole blocks by Arrow, and row by row where a block has a fault."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from timestack.domains.load.errors import LoadError
from timestack.domains.load.records import Block, Reader, cells, is_misquoted, quotes_are_sound
from timestack.domains.load.table import Column
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.body import LARGEST_TEXT, MIB, MOST_ROWS, Stream
from timestack.ingest.cells import BITS, FLOATS, TEXTS, TIME
from timestack.ingest.errors import TooLargeError, WriteError
from timestack.ingest.records import Gatherer, too_many
from timestack.ingest.sensors import Names
from timestack.ingest.target import NAMES, SENSOR, UNIT, Target
from timestack.ingest.times import Clock

ROWS_PER_BATCH = 50_000
# What the columns of a Parquet file may become in memory.
LARGEST_COLUMNS = 4 * LARGEST_TEXT
DELIMITER = ","


def read_csv(
    stream: Stream, target: Target, clock: Clock, names: Names, refused: Refused
) -> list[Batch]:
    """Return the rows of CSV in UTF-8 with commas; its first line names the columns.

    Raises WriteError for a header that names others.
    """
    reader = Reader(stream)
    try:
        header = reader.peek()
        if header is None:
            return []
        reader.skip(header)
        fields = _header(header.data, target)
        batches, count = [], 0
        for block in reader.blocks():
            count += block.rows
            if count > MOST_ROWS:
                raise TooLargeError(too_many())
            batches += _block(block, fields, target, clock, names, refused)
        return batches
    except LoadError as error:
        raise WriteError(str(error)) from None


def read_parquet(
    stream: Stream, target: Target, clock: Clock, names: Names, refused: Refused
) -> list[Batch]:
    """Return the rows of a Parquet file; those that are refused are named by their number.

    Raises WriteError for what is not Parquet, and for other columns.
    """
    data = stream.read()
    if not data:
        return []
    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(data))
        rows, groups = file.metadata.num_rows, range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        if rows > MOST_ROWS:
            raise TooLargeError(too_many())
        if size > LARGEST_COLUMNS:
            raise TooLargeError(
                f"The columns are longer than {LARGEST_COLUMNS // MIB} MiB: send fewer rows"
            )
        _known(file.schema_arrow.names, target)
        batches, line = [], 1
        for read in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
            table = pa.Table.from_batches([read])
            lines = np.arange(line, line + len(table))
            line += len(table)
            batches += _taken(table, lines, target, clock, names, refused, texts=())
        return batches
    except (pa.ArrowException, OSError) as error:
        raise WriteError(f"The body is not a sound Parquet file: {error}") from None


def _header(data: bytes, target: Target) -> list[str]:
    try:
        fields = [(cell or "").strip() for cell in cells(data.decode("utf-8-sig"), DELIMITER)]
    except UnicodeDecodeError as error:
        raise WriteError(f"Line 1: byte {error.start + 1} is not UTF-8") from None
    _known(fields, target)
    return fields


def _known(fields: Sequence[str], target: Target) -> None:
    """Raise WriteError where columns are not the table's, or not enough of them."""
    known = {*target.columns, *((*NAMES, UNIT) if target.has_sensors else ())}
    faults = [f"{name[:63]!r} is not one" for name in fields if name not in known]
    faults += [f"{name!r} is there twice" for name in sorted(set(fields)) if fields.count(name) > 1]
    named = {*fields, SENSOR} if target.has_sensors and set(NAMES) <= set(fields) else {*fields}
    faults += [f"{name!r} is missing" for name in target.missing(named)]
    if SENSOR in fields and set(fields) & {*NAMES, UNIT}:
        faults.append(f"{SENSOR!r} is beside {', '.join(NAMES)}: leave one of them out")
    if faults:
        raise WriteError(f"The columns do not fit: {'; '.join(faults[:10])}. {target.known()}")


def _block(
    block: Block,
    fields: Sequence[str],
    target: Target,
    clock: Clock,
    names: Names,
    refused: Refused,
) -> list[Batch]:
    table = _parsed(block, fields)
    if table is not None:
        lines = np.arange(block.line, block.line + block.rows)
        return _taken(table, lines, target, clock, names, refused, texts=None)
    gatherer = Gatherer(target, clock, names, refused)
    for record in block.records():
        try:
            text = record.data.decode()
        except UnicodeDecodeError as error:
            refused.add(record.line, f"byte {error.start + 1} of the line is not UTF-8")
            continue
        if not record.closed or is_misquoted(text, DELIMITER):
            refused.add(
                record.line, "has a quote in a cell: quote the whole cell, and double each in it"
            )
            continue
        found = cells(text, DELIMITER)
        if len(found) != len(fields):
            refused.add(record.line, f"{len(found)} cells, and the header has {len(fields)}")
            continue
        gatherer.add(record.line, dict(zip(fields, found, strict=True)), texts=None)
    return gatherer.batches()


def _parsed(block: Block, fields: Sequence[str]) -> pa.Table | None:
    """Return the cells of a block; None where a record is not one line of as many cells."""
    data = block.data
    if block.rows != data.count(b"\n") or not quotes_are_sound(data, DELIMITER):
        return None
    if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data or b"\n\r\n" in data:
        return None
    try:
        return pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(
                column_names=list(fields), use_threads=False, block_size=len(data) + 1
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(fields, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None


def _taken(
    table: pa.Table,
    lines: np.ndarray,
    target: Target,
    clock: Clock,
    names: Names,
    refused: Refused,
    texts: Sequence[str] | None,
) -> list[Batch]:
    """Return rows by column; where one has a fault, all are looked at one by one."""
    try:
        return [_whole(table.combine_chunks(), lines, target, clock, names)]
    except (ValueError, pa.ArrowException):
        # ArrowInvalid is a ValueError as well.
        gatherer = Gatherer(target, clock, names, refused)
        for line, row in zip(lines.tolist(), table.to_pylist(), strict=True):
            gatherer.add(line, row, texts)
        return gatherer.batches()


def _whole(table: pa.Table, lines: np.ndarray, target: Target, clock: Clock, names: Names) -> Batch:
    """Return rows by column. Raises ValueError where one of them may have a fault."""
    found: dict[str, pa.Array] = {}
    for name in table.column_names:
        if column := target.columns.get(name):
            found[name] = _column(column, _plain(table[name]), target, clock)
    if target.has_sensors and SENSOR not in found:
        found[SERIES] = _series(table, names)
    return Batch(lines, found)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return array


def _column(column: Column, given: pa.Array, target: Target, clock: Clock) -> pa.Array:
    if column.not_null and given.null_count:
        raise ValueError(f"{column.name} has nulls")
    if column.base == TIME:
        return _times(given, clock)
    if column.base in BITS or column.base in FLOATS:
        whole = column.base in BITS
        if pa.types.is_boolean(given.type) or pa.types.is_temporal(given.type):
            raise ValueError(f"{column.name} is not of numbers")
        taken = given.cast(pa.int64() if whole else pa.float64())
        values = taken.drop_null().to_numpy(zero_copy_only=False)
        bits = BITS.get(column.base)
        if bits and bits < 63 and (np.abs(values) >= 2**bits).any():
            raise ValueError(f"{column.name} is of {column.type}")
        if not np.isfinite(values).all() or target.are_outside(column.name, values).any():
            raise ValueError(f"{column.name} is out of bounds")
        return taken
    if column.base == "bool" and pa.types.is_boolean(given.type):
        return given
    if pa.types.is_string(given.type) and column.base != "bool":
        if pc.any(pc.match_substring(given, "\0"), min_count=0).as_py():
            raise ValueError(f"{column.name} has a NUL")
        if column.base in TEXTS or column.base != "numeric":
            return given
    raise ValueError(f"{column.name} is {given.type}")


def _times(given: pa.Array, clock: Clock) -> pa.Array:
    type = given.type
    if pa.types.is_string(type):
        given, type = given.cast(pa.timestamp("us", "UTC")), pa.timestamp("us", "UTC")
    if pa.types.is_integer(type) and clock.unit:
        micros, wrong = clock.micros(given.cast(pa.int64()).to_numpy(zero_copy_only=False))
        if wrong.any():
            raise ValueError("a time is a mistake")
        return pa.array(micros)
    if not pa.types.is_timestamp(type) or type.tz is None:
        raise ValueError(f"times are {type}")
    counts = given.cast(pa.int64())
    if type.unit == "ns":
        counts = pa.array((counts.to_numpy(zero_copy_only=False) + 500) // 1000)
    elif type.unit != "us":
        counts = given.cast(pa.timestamp("us", type.tz)).cast(pa.int64())
    if clock.is_outside(counts.to_numpy(zero_copy_only=False)).any():
        raise ValueError("a time is out of bounds")
    return counts


def _series(table: pa.Table, names: Names) -> pa.Array:
    """Return the place of each row's series. Raises ValueError for one that cannot be a sensor."""
    code = np.zeros(len(table), np.int64)
    values: list[list[str | None]] = []
    for name in (*NAMES, UNIT):
        if name in table.column_names:
            array = _plain(table[name])
            if not pa.types.is_string(array.type) or (name != UNIT and array.null_count):
                raise ValueError(f"{name} is not text")
            encoded = array.dictionary_encode(null_encoding="encode")
            values.append(encoded.dictionary.to_pylist())
            code = code * len(values[-1]) + encoded.indices.to_numpy()
        else:
            values.append([None])
    # A row of each series, and which one each row has.
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    places = []
    for number in code[first].tolist():
        parts = []
        for each in reversed(values):
            number, at = divmod(number, len(each))
            parts.append(each[at])
        unit, *named = parts
        places.append(names.place(*reversed(named), unit or None))
    return pa.array(np.array(places, np.int64)[which])
