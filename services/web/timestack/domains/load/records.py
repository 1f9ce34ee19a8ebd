"""CSV bytes cut into blocks of whole records, blocks into records, records into cells.

Where PostgreSQL gets other bytes than the file's, a block or a record has these as ``sent``: the
file's own bytes are reported and set aside.

A line feed ends a record unless a quote is open. Quotes are counted, not parsed: whether their
number so far is odd is all that PostgreSQL's CSV mode knows too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from timestack.domains.load.errors import Fault, LoadError
from timestack.domains.load.text import LineFeeds, Unescaped

# Large enough that a round trip per block costs nothing, small enough that the few blocks in
# flight stay far below the loader's memory limit.
BLOCK = 1 << 20
# A longer record is not data but has a quote left open, or is not text.
LONGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record without its line end; ``line`` counts from 1, ``offset`` in bytes from 0."""

    line: int
    offset: int
    data: bytes
    closed: bool = True
    sent: bytes | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, each with its line end; ``rows`` is the number of line feeds that end one.

    ``kept`` holds the records where some between them were taken out.
    """

    line: int
    offset: int
    data: bytes
    rows: int
    kept: tuple[Record, ...] | None = None
    sent: bytes | None = None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Block:
        """Return a block of records that need not follow each other."""
        data = b"".join(record.data + b"\n" for record in records)
        sent = None
        if any(record.sent is not None for record in records):
            texts = (record.data if record.sent is None else record.sent for record in records)
            sent = b"".join(text + b"\n" for text in texts)
        first = records[0] if records else Record(0, 0, b"")
        return cls(first.line, first.offset, data, len(records), tuple(records), sent)

    def records(self) -> Sequence[Record]:
        """Return the records; empty lines between them are none."""
        if self.kept is not None:
            return self.kept
        found = self._split()
        if self.sent is None:
            return found
        sent = Block(self.line, self.offset, self.sent, self.rows)._split()
        return [replace(old, sent=new.data) for old, new in zip(found, sent, strict=True)]

    def _split(self) -> list[Record]:
        found, parts, quotes = [], [], 0
        line, offset = self.line, self.offset
        first = (line, offset)
        for piece in self.data.split(b"\n"):
            parts.append(piece)
            quotes += piece.count(b'"')
            line, offset = line + 1, offset + len(piece) + 1
            if quotes % 2 == 0:
                data = b"\n".join(parts).removesuffix(b"\r")
                if data:
                    found.append(Record(*first, data))
                first, parts, quotes = (line, offset), [], 0
        if parts:
            found.append(Record(*first, b"\n".join(parts), closed=False))
        return found


class Reader:
    """Reads a stream of CSV text in UTF-8 record by record or block by block."""

    def __init__(self, stream: BinaryIO, escape: str | None = None):
        """``escape`` precedes quotes within quoted cells, where they are not doubled."""
        self._stream = LineFeeds(Unescaped(stream, escape) if escape else stream)
        self._rest = b""
        self._line = 1
        self._offset = 0

    def peek(self) -> Record | None:
        """Return the first record without taking it, or None when there is no text."""
        end = -1
        while end < 0 and len(self._rest) <= LONGEST and self._fill(BLOCK):
            end = _ends(self._rest)[1]
        found = Block(self._line, self._offset, self._rest[: end + 1] or self._rest, 0).records()
        return found[0] if found else None

    def skip(self, record: Record) -> None:
        """Take the record that ``peek`` returned."""
        end = self._rest.find(b"\n", record.offset - self._offset + len(record.data))
        self._take(len(self._rest) if end < 0 else end + 1)

    def blocks(self) -> Iterator[Block]:
        """Yield the rest in blocks of about BLOCK bytes.

        Raises LoadError for a record longer than LONGEST.
        """
        more = True
        while more or self._rest:
            more = self._fill(BLOCK)
            rows, end = _ends(self._rest)
            if end < 0 and more:
                if len(self._rest) > LONGEST:
                    raise LoadError(
                        f"line {self._line}: the record is longer than {LONGEST >> 20} MiB:"
                        " is a quote left open?"
                    )
                continue
            # Without a line end the last record is taken as it is.
            size = len(self._rest) if not more else end + 1
            if not size:
                return
            line, offset, data = self._line, self._offset, self._take(size)
            if not data.endswith(b"\n"):
                data, rows = data + b"\n", rows + 1
            yield Block(line, offset, data, rows)

    def _fill(self, size: int) -> bool:
        data = self._stream.read(size)
        self._rest += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        self._line += taken.count(b"\n")
        self._offset += size
        return taken


def _ends(data: bytes) -> tuple[int, int]:
    """Return how many line feeds end a record in ``data``, and where the last one is (or -1)."""
    if b'"' not in data:
        return data.count(b"\n"), data.rfind(b"\n")
    text = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(text == ord("\n"))
    quotes = np.flatnonzero(text == ord('"'))
    ends = feeds[np.searchsorted(quotes, feeds) % 2 == 0]
    return len(ends), int(ends[-1]) if len(ends) else -1


def quotes_are_sound(data: bytes, delimiter: str) -> bool:
    """Whether every quote in these whole records opens a cell, closes one, or is doubled.

    PostgreSQL takes a quote anywhere and text after a closing one, so that a quote escaped in
    another way than by doubling it silently joins two records.
    """
    if b'"' not in data:
        return True
    text = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    if len(quotes) % 2:
        return False
    beside = np.zeros(256, bool)
    beside[list(f'{delimiter}\r\n"'.encode())] = True
    return bool(beside[text[quotes[::2] - 1]].all() and beside[text[quotes[1::2] + 1]].all())


def is_misquoted(text: str, delimiter: str) -> bool:
    """Whether a quote of this record is in a cell that is not quoted, or the cell goes on.

    Blanks around a quoted cell belong to it, as they do for PostgreSQL.
    """
    cell = rf'(?:[^"{re.escape(delimiter)}]*|[ ]*"[^"]*(?:""[^"]*)*"[ ]*)'
    return not re.fullmatch(rf"{cell}(?:{re.escape(delimiter)}{cell})*", text)


def cells(text: str, delimiter: str) -> list[str | None]:
    """Cut a record into its cells as PostgreSQL does: unquoted and empty is NULL, hence None."""
    if '"' not in text:
        return [cell or None for cell in text.split(delimiter)]
    found: list[str | None] = [""]
    quoted = False
    for match in re.finditer(rf'"((?:[^"]|"")*)"?|{re.escape(delimiter)}|[^"{delimiter}]+', text):
        piece = match.group()
        if piece == delimiter:
            found[-1] = found[-1] if found[-1] or quoted else None
            found.append("")
            quoted = False
        elif piece.startswith('"'):
            found[-1] += match.group(1).replace('""', '"')
            quoted = True
        else:
            found[-1] += piece
    found[-1] = found[-1] if found[-1] or quoted else None
    return found


def cut(record: Record, delimiter: str, count: int) -> list[str | None] | Fault:
    """Cut a record into ``count`` cells, or return why it has others or cannot be cut."""
    if not record.closed:
        return Fault(None, f"a quote is opened and never closed{_escape_hint(record.data)}")
    if record.data == b"\\.":
        return Fault(None, "\\. alone on a line ends the data for PostgreSQL")
    if (nul := record.data.find(b"\0")) >= 0:
        return Fault(None, f"a NUL byte at byte {record.offset + nul} of the text")
    try:
        text = record.data.decode()
    except UnicodeDecodeError as error:
        byte = record.data[error.start]
        at = record.offset + error.start
        return Fault(None, f"byte {byte:#04x} at byte {at} of the text is not UTF-8")
    if is_misquoted(text, delimiter):
        return Fault(
            None,
            "a quote in an unquoted cell: quote the whole cell, and double each quote in it"
            f"{_escape_hint(record.data)}",
        )
    found = cells(text, delimiter)
    if len(found) != count:
        return Fault(None, f"{len(found)} cells, the header has {count}")
    return found


def joined(row: Sequence[str | None], delimiter: str) -> bytes:
    """Return cells as a record that PostgreSQL cuts into the same again."""
    texts = ("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row)
    return delimiter.join(texts).encode()


def _escape_hint(data: bytes) -> str:
    return "; if a backslash escapes such quotes, use --escape '\\'" if b'\\"' in data else ""
