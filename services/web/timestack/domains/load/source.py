"""The source of rows: CSV in any form, or Parquet, as a stream of CSV text in UTF-8.

The format is recognized by the first bytes, never by the name: gzip, xz, bzip2, UTF-8 and UTF-16
with their byte order marks, Parquet; any other is named, with what to do.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import shlex
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from timestack.domains.load import parquet
from timestack.domains.load.errors import LoadError
from timestack.domains.load.pieces import Pieces
from timestack.domains.load.records import BLOCK

PACKED: dict[bytes, tuple[str, Callable[[BinaryIO], BinaryIO]]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
    **{b"BZh%d" % level: ("bzip2", bz2.BZ2File) for level in range(1, 10)},
}
# What other files begin with, what they are, and what to do with one called {name}.
UNPACK = "unpack it, and load what is in it"
EXPORT = "write it as CSV or Parquet"
OTHERS: dict[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("a ZIP archive", "unzip -p {name} | make load FILE=- …"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "zstd -dc {name} | make load FILE=- …"),
    b"\x04\x22\x4d\x18": ("packed by lz4", "lz4 -dc {name} | make load FILE=- …"),
    b"\x1f\x9d": ("packed by compress", "zcat {name} | make load FILE=- …"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x -so {name} | make load FILE=- …"),
    b"Rar!\x1a\x07": ("a RAR archive", UNPACK),
    b"\xd0\xcf\x11\xe0": ("an Excel file (.xls)", "save its sheet as CSV (UTF-8)"),
    b"ARROW1\0\0": ("an Arrow file", EXPORT),
    b"Obj\x01": ("an Avro file", EXPORT),
    b"\x89HDF": ("an HDF5 file", EXPORT),
    b"SQLite format 3\0": ("an SQLite database", EXPORT),
    b"%PDF-": ("a PDF", "ask for the data as CSV"),
}
EXCEL = ("an Excel file (.xlsx)", "save its sheet as CSV (UTF-8)")
TAR = ("a tar archive", "tar -xOf {name} MEMBER | make load FILE=- …")
UTF16 = (
    "UTF-16 without its byte order mark",
    "iconv -f utf-16le -t utf-8 {name} | make load FILE=- …",
)
# Enough to see the names in the head of an archive.
HEAD = 4096


class FormatError(LoadError):
    """The file is of another format; ``what`` says of which."""

    def __init__(self, name: str, what: str, todo: str):
        super().__init__(f"{name}: is {what}: {todo}")
        self.what = what


@dataclass(frozen=True)
class Source:
    """CSV text in UTF-8. ``size`` (or None) and ``position()`` are in bytes of what is read."""

    name: str
    stream: BinaryIO
    size: int | None
    position: Callable[[], int]
    # The options that this kind of file leaves no choice of.
    given: Mapping[str, Any] = field(default_factory=dict)
    # What knows the types, of Parquet.
    rows: parquet.Rows | None = None


def open_source(
    file: str, stdin: BinaryIO, shown: str | None = None, size: int | None = None
) -> Source:
    """Open a file by its path, or ``stdin`` for "-".

    ``shown`` is what messages call it, and ``size`` how long ``stdin`` is, where that is known.
    Of a file that grows meanwhile, what it held at the start is read.

    Raises LoadError when there is no such file or it cannot be loaded.
    """
    if file != "-":
        raw, size = _open(file, shown or file)
    else:
        raw = stdin
    name = shown or ("standard input" if file == "-" else file)
    counted = _Counted(raw, size, name)
    buffered = io.BufferedReader(counted, BLOCK)
    if buffered.peek(len(parquet.MAGIC)).startswith(parquet.MAGIC):
        if file == "-":
            raise LoadError(f"{name}: Parquet is read from its end: give the file's path")
        rows = parquet.Rows(raw, name)
        text = Pieces(rows.as_csv())
        return Source(name, text, size, lambda: int(rows.part * size), parquet.OPTIONS, rows)
    return Source(name, _text(buffered, name), size, lambda: counted.count)


def _open(file: str, name: str) -> tuple[BinaryIO, int | None]:
    try:
        raw = Path(file).open("rb", buffering=0)  # noqa: SIM115
        found = Path(file).stat()
    except OSError as error:
        raise LoadError(f"{name}: {error.strerror}") from None
    return raw, found.st_size if stat.S_ISREG(found.st_mode) else None


def _text(stream: io.BufferedReader, name: str, packed: str = "") -> BinaryIO:
    """Unpack, take away a byte order mark, and turn UTF-16 into UTF-8.

    ``packed`` names what the stream itself was unpacked from. Raises LoadError when it is not text.
    """
    head = stream.peek(HEAD)[:HEAD]
    for magic, (format, unpacker) in PACKED.items():
        if head.startswith(magic):
            if packed:
                raise LoadError(f"{name}: packed twice, {format} within {packed}: unpack it once")
            return Pieces(_unpack(stream, name, format, unpacker))
    if packed and head.startswith(parquet.MAGIC):
        raise LoadError(
            f"{name}: Parquet within {packed}, which has its own compression: unpack it"
        )
    found = _other(head)
    if found:
        what, todo = found
        within = f" within {packed}" if packed else ""
        raise FormatError(name, f"{what}{within}", todo.format(name=shlex.quote(name)))
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Pieces(_decode(stream, name))
    return stream


def _other(head: bytes) -> tuple[str, str] | None:
    """Return the format of a file that begins like this and is not CSV, and what to do with it."""
    if head.startswith(b"PK") and (b"[Content_Types].xml" in head or b"xl/" in head):
        return EXCEL
    if head[257:262] == b"ustar":
        return TAR
    if len(head) > 1 and 0 in head[:2]:
        return UTF16
    return next((found for magic, found in OTHERS.items() if head.startswith(magic)), None)


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


def _unpack(
    stream: BinaryIO, name: str, format: str, unpacker: Callable[[BinaryIO], BinaryIO]
) -> Iterator[bytes]:
    """Unpack, then check the first bytes again: a CSV in UTF-16 may be inside."""
    unpacked = io.BufferedReader(unpacker(stream), BLOCK)
    read = 0
    try:
        text = _text(unpacked, name, format)
        while data := text.read(BLOCK):
            read += len(data)
            yield data
    except EOFError:
        raise LoadError(
            f"{name}: the {format} file is cut short, after {read} bytes of text: fetch it again"
        ) from None
    except (OSError, lzma.LZMAError, zlib.error) as error:
        raise LoadError(f"{name}: not a sound {format} file: {error}") from None


class _Counted(io.RawIOBase):
    """A raw stream that counts the bytes taken from it, and ends where it ended at the start."""

    def __init__(self, raw: BinaryIO, size: int | None, name: str):
        self._raw = raw
        self._size = size
        self._name = name
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = len(buffer) if self._size is None else min(len(buffer), self._size - self.count)
        if not left:
            return 0
        # A pipe gives what is there: its first bytes, too, are needed as a whole.
        read, free = 0, memoryview(buffer)[:left]
        while read < left and (more := self._raw.readinto(free[read:])):
            read += more
        if not read and self._size is not None:
            raise LoadError(
                f"{self._name}: ends after {self.count} of {self._size} bytes:"
                " it was cut while it was read"
            )
        self.count += read
        return read
