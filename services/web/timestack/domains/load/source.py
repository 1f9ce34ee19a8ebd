"""Where rows come from: CSV in any of its disguises, or Parquet, as a stream of CSV text in UTF-8.

The format is read off the first bytes, never off the name: gzip, UTF-8 and UTF-16 with their byte
order marks, Parquet.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from timestack.domains.load.errors import LoadError
from timestack.domains.load.records import BLOCK

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ROWS_PER_BATCH = 8192


@dataclass(frozen=True)
class Source:
    """CSV text in UTF-8. ``size`` (or None) and ``position()`` are in bytes of what is read."""

    name: str
    stream: BinaryIO
    size: int | None
    position: Callable[[], int]
    # Parquet tells its columns and writes commas; a CSV's dialect is sniffed.
    is_parquet: bool = False


def open_source(name: str, stdin: BinaryIO) -> Source:
    """Open a file by its path, or ``stdin`` for "-".

    Raises LoadError when there is no such file or it is of no use.
    """
    raw, size = (stdin, None) if name == "-" else _open(Path(name))
    counted = _Counted(raw)
    buffered = io.BufferedReader(counted, BLOCK)
    source = _named(name, buffered, size, counted)
    head = buffered.peek(4)[:4]
    if head.startswith(GZIP):
        return source(_Translated(_gunzip(buffered, name)))
    if head == PARQUET:
        if name == "-":
            raise LoadError("standard input: Parquet is read from its end: give the file's path")
        return source(_Translated(_parquet(raw, name)), is_parquet=True)
    return source(_text(buffered, name))


def _named(name: str, buffered: BinaryIO, size: int | None, counted: _Counted):
    shown = "standard input" if name == "-" else Path(name).name

    def source(stream: BinaryIO, *, is_parquet: bool = False) -> Source:
        return Source(shown, stream, size, lambda: counted.count, is_parquet)

    return source


def _open(path: Path) -> tuple[BinaryIO, int]:
    try:
        raw = path.open("rb", buffering=0)
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from None
    return raw, path.stat().st_size


def _text(stream: io.BufferedReader, name: str) -> BinaryIO:
    """Take away a byte order mark, and turn UTF-16 into UTF-8."""
    head = stream.peek(3)[:3]
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Translated(_decode(stream, name))
    return stream


def _decode(stream: BinaryIO, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")()
    offset = 0
    while True:
        data = stream.read(BLOCK)
        try:
            yield decoder.decode(data, final=not data).encode()
        except UnicodeError as error:
            at = offset + getattr(error, "start", 0)
            raise LoadError(f"{name}: byte {at}: not UTF-16, which its first bytes say") from None
        if not data:
            return
        offset += len(data)


def _gunzip(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Unpack, then look once more at the first bytes: a CSV in UTF-16 may be inside."""
    unpacked = io.BufferedReader(gzip.GzipFile(fileobj=stream), BLOCK)
    read = 0
    try:
        text = _text(unpacked, name)
        while data := text.read(BLOCK):
            read += len(data)
            yield data
    except EOFError:
        raise LoadError(
            f"{name}: the gzip file is cut short, after {read} bytes of text: fetch it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise LoadError(f"{name}: not a sound gzip file: {error}") from None


def _parquet(raw: BinaryIO, name: str) -> Iterator[bytes]:
    """Write batches as CSV, the names first. Raises LoadError for what CSV cannot hold."""
    try:
        file = pa.parquet.ParquetFile(raw, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise LoadError(f"{name}: not a sound Parquet file: {error}") from None
    unfit = [
        f"column {field.name!r} is {field.type}"
        for field in file.schema_arrow
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)
    ]
    if unfit:
        raise LoadError(f"{name}: {'; '.join(unfit)}: a cell must hold one value")
    yield from _as_csv(file.schema_arrow.empty_table(), header=True)
    try:
        for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
            yield from _as_csv(batch, header=False)
    except (pa.ArrowException, OSError) as error:
        raise LoadError(f"{name}: the Parquet file is damaged: {error}") from None


def _as_csv(rows: pa.Table | pa.RecordBatch, *, header: bool) -> Iterator[bytes]:
    text = io.BytesIO()
    pa.csv.write_csv(rows, text, pa.csv.WriteOptions(include_header=header))
    yield text.getvalue()


class _Counted(io.RawIOBase):
    """A raw stream that counts the bytes taken from it."""

    def __init__(self, raw: BinaryIO):
        self._raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        read = self._raw.readinto(buffer)
        self.count += read or 0
        return read


class _Translated(io.RawIOBase):
    """A stream over pieces that an iterator makes."""

    def __init__(self, pieces: Iterator[bytes]):
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        size = len(self._rest) if size < 0 else size
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
