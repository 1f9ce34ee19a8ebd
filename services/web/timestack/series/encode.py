"""Arrays and rows as bytes to send: JSON of a chart's points, and five formats of a table.

``points`` is for charts, and small. ``pieces`` is for tables of any length: record batches go in,
and what comes out is held no longer than until it is sent. ``batch`` makes a table of a series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, ipc, parquet

from timestack.series.points import Series

TIME = pa.timestamp("us", tz="UTC")
SHOWN = ("min", "mean", "max")
# Numbers that people and instruments write have no more decimals than this.
DECIMALS = 1e6
# A part of an axis that no chart shows: it has fewer pixels.
INVISIBLE = 2.0**-16
# Rows of a Parquet row group, the largest piece that is held at a time, and bytes of what is sent.
ROW_GROUP = 100_000
PIECE = 256 * 1024


def points(series: Iterable[Series], keys: Sequence[str], **about: Any) -> bytes:
    """Return the JSON of a chart's series: ``about``, and each series' key and arrays.

    ``keys`` are the names of the key columns, in the order of ``Series.key``.

    ``min``, ``mean`` and ``max`` have a number for each point, in the value's unit, and null where
    no row of its bucket has one. They have as many digits as float32 holds, unless that loses
    digits that show (``compact``).

    ``time`` is in UTC and says where each point is: point n at ``start + n * step`` where they are
    evenly spaced; else it has ``deltas`` instead of ``step``, the time from each point to the next.
    These are whole numbers of milliseconds since 1970 (``unit`` is "ms"), or of microseconds ("us")
    where a time has some. Without points ``start`` is null.
    """
    return dumps({**about, "series": [_arrays(each, keys) for each in series]})


def _arrays(series: Series, keys: Sequence[str]) -> dict[str, Any]:
    reach = span(series.min, series.max)
    return {
        "key": dict(zip(keys, series.key, strict=True)),
        "time": times(series.time),
        **{name: compact(getattr(series, name), reach) for name in SHOWN},
    }


def span(*drawn: np.ndarray) -> float:
    """Return the range of all numbers that are drawn on one axis; 0 where there is none."""
    numbers = np.concatenate(drawn)
    numbers = numbers[np.isfinite(numbers)]
    return float(np.ptp(numbers)) if len(numbers) else 0.0


def compact(values: np.ndarray, span: float) -> np.ndarray:
    """Return float64 numbers as float32 unless that loses digits that show; NaN stays NaN.

    A number of six decimals or fewer, as people and instruments write them, must still read as
    itself. What was computed, with all its digits, may move by a 65,536th of ``span``, the range of
    what is drawn beside it.
    """
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        narrow = finite.astype(np.float32)
        written = np.rint(finite * DECIMALS) / DECIMALS == finite
    moved = np.abs(narrow.astype(np.float64) - finite)
    if not len(finite) or moved[~written].max(initial=0) <= span * INVISIBLE:
        # As a reader finds them: the shortest text that is this float32 and no other.
        text = np.array(orjson.loads(dumps(narrow[written])), dtype=np.float64)
        if np.array_equal(text, finite[written]):
            return values.astype(np.float32)
    return values


def times(time: np.ndarray) -> dict[str, Any]:
    """Return times of type datetime64[us], oldest first, as numbers: see ``points``."""
    whole = time.astype(np.int64)
    unit = "us" if (whole % 1000).any() else "ms"
    if unit == "ms":
        whole //= 1000
    deltas = np.diff(whole)
    start = int(whole[0]) if len(whole) else None
    if len(deltas) == 0 or (deltas == deltas[0]).all():
        return {"unit": unit, "start": start, "step": int(deltas[0]) if len(deltas) else 0}
    return {"unit": unit, "start": start, "deltas": deltas}


def batch(series: Series, keys: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Return a series as rows: its key columns, whose types are ``keys``, time, min, mean and max.

    Aggregates are float64, exact, and null where no row of a bucket has a number.
    """
    length = len(series)
    columns = [
        pa.repeat(pa.scalar(key, type), length)
        for key, type in zip(series.key, keys.values(), strict=True)
    ]
    columns.append(pa.array(series.time.astype(np.int64)).cast(TIME))
    columns += [pa.array(getattr(series, name), from_pandas=True) for name in SHOWN]
    return pa.record_batch(columns, names=[*keys, "time", *SHOWN])


@dataclass(frozen=True)
class Format:
    """A way to send a table: its name in an address, its media type, the ending of a file."""

    name: str
    media: str
    ending: str
    encode: Callable[[pa.Schema, Iterable[pa.RecordBatch]], Iterator[bytes]]


def pieces(format: Format, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield a table in a format, at most PIECE bytes at a time.

    Whatever ``batches`` raises is raised here; what was sent until then is incomplete in every
    format but CSV and NDJSON, whose ends nothing marks.
    """
    for piece in format.encode(schema, batches):
        view = memoryview(piece)
        for start in range(0, len(view), PIECE):
            yield bytes(view[start : start + PIECE])


class _Sink:
    """What pyarrow writes to; ``take`` returns what has come since the last time."""

    def __init__(self):
        self.closed = False
        self._parts: list[bytes] = []

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Everything is written already."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _as_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink = _Sink()
    with csv.CSVWriter(pa.PythonFile(sink, "w"), schema) as writer:
        for each in batches:
            writer.write_batch(each)
            yield sink.take()
    yield sink.take()


def _as_arrow(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink = _Sink()
    writer = ipc.new_stream(pa.PythonFile(sink, "w"), schema)
    for each in batches:
        writer.write_batch(each)
        yield sink.take()
    # Marks the end: not where a batch raised, and the stream broke off.
    writer.close()
    yield sink.take()


def _as_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink = _Sink()
    writer = parquet.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd")
    for group in _groups(batches):
        writer.write_table(pa.Table.from_batches(group, schema))
        yield sink.take()
    writer.close()
    yield sink.take()


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches together until they have the rows of a row group."""
    group: list[pa.RecordBatch] = []
    for each in batches:
        group.append(each)
        if sum(len(part) for part in group) >= ROW_GROUP:
            yield group
            group = []
    if group:
        yield group


def _as_ndjson(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    for each in batches:
        yield b"".join(row + b"\n" for row in _objects(each))


def _as_json(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    before = b"["
    for each in batches:
        if len(each):
            yield before + b"\n" + b",\n".join(_objects(each))
            before = b","
    yield b"[]\n" if before == b"[" else b"\n]\n"


def _objects(rows: pa.RecordBatch) -> Iterator[bytes]:
    """Each row as a JSON object: exact decimals as text, times as RFC 3339, NaN as null."""
    names = rows.schema.names
    columns = [_plain(column).to_pylist() for column in rows.columns]
    return (dumps(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True))


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        text = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        return pc.replace_substring(text, ".000000Z", "Z")
    return column.cast(pa.string()) if pa.types.is_decimal(column.type) else column


def dumps(value: Any) -> bytes:
    """Return JSON; arrays of numpy are arrays, NaN is null, and what JSON has no word for, text."""
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY)


FORMATS = {
    each.name: each
    for each in (
        Format("json", "application/json", "json", _as_json),
        Format("csv", "text/csv", "csv", _as_csv),
        Format("ndjson", "application/x-ndjson", "ndjson", _as_ndjson),
        Format("parquet", "application/vnd.apache.parquet", "parquet", _as_parquet),
        Format("arrow", "application/vnd.apache.arrow.stream", "arrows", _as_arrow),
    )
}
