"""The first rows of a file, cut into cells as the loader cuts them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from timestack.domains.load import parquet
from timestack.domains.load.errors import Fault, LoadError
from timestack.domains.load.records import BLOCK, Reader, Record, cells, cut
from timestack.domains.load.source import PACKED, FormatError, Source, open_source
from timestack.domains.load.text import SEPARATOR
from timestack.domains.uploads.layout import MOST_COLUMNS

# Of a wide file fewer rows are looked at than of a narrow one.
MOST_ROWS, MOST_CELLS = 1000, 50_000
# As much text of a complete file that is packed is unpacked, to see that its end is there.
SOUND = 128 << 20
KINDS = "upload CSV in UTF-8, gzip of that, or Parquet"


class UnreadableError(Exception):
    """The file cannot be looked at; the text says why and what to do. ``line`` is where, or None"""

    def __init__(self, text: str, line: int | None = None):
        super().__init__(text)
        self.line = line


class UnfinishedError(UnreadableError):
    """It can be looked at when all of it is there."""


@dataclass(frozen=True)
class Sample:
    """Records in the file's order, the header among them.

    ``separator`` is the delimiter where the file's first line names it. ``whole`` says that these
    are all, ``broken`` why the rest cannot be read; ``rows`` knows the types, of Parquet.
    """

    format: str
    records: list[Record]
    separator: str | None
    whole: bool
    broken: str | None
    rows: parquet.Rows | None

    def cut(self, delimiter: str, count: int) -> Iterator[tuple[Record, list[str | None] | Fault]]:
        """Each record with its ``count`` cells, or what is wrong with it."""
        for record in self.records:
            yield record, cut(record, delimiter, count)


def read(file: str, name: str, *, complete: bool, escape: str | None = None) -> Sample:
    """Read the beginning of the file at a path; ``complete`` says that it has its end.

    Raises UnreadableError, and UnfinishedError where the end is needed and is not there.
    """
    with Path(file).open("rb") as opened:
        head = opened.read(8)
    if head.startswith(parquet.MAGIC) and not complete:
        raise UnfinishedError(
            "the file is Parquet, which is read from its end: wait until all of it is there"
        )
    try:
        source = open_source(file, sys.stdin.buffer, name)
        if source.rows and len(source.rows.schema) > MOST_COLUMNS:
            raise UnreadableError(too_wide(len(source.rows.schema)))
        return _sampled(source, _format(head), complete=complete, escape=escape)
    except FormatError as error:
        raise UnreadableError(f"this is {error.what}: {KINDS}") from None
    except LoadError as error:
        raise UnreadableError(_without_name(error, name)) from None


def too_wide(count: int) -> str:
    """What is wrong with a file of so many columns."""
    return (
        f"the file has {count:,} columns, and a table of it {MOST_COLUMNS} at most: leave some out,"
        " or make rows of them, each with the name of its column as a key"
    )


def _format(head: bytes) -> str:
    if head.startswith(parquet.MAGIC):
        return "Parquet"
    packed = next((each for magic, (each, _) in PACKED.items() if head.startswith(magic)), None)
    return f"CSV, {packed}" if packed else "CSV"


def _sampled(source: Source, format: str, *, complete: bool, escape: str | None) -> Sample:
    reader = Reader(source.stream, escape)
    first = reader.peek()
    if first is None:
        raise UnreadableError("the file is empty")
    separator = SEPARATOR.match(first.data)
    if separator:
        reader.skip(first)
    records, whole, broken = [], False, None
    most = MOST_ROWS
    blocks = reader.blocks()
    try:
        while len(records) < most:
            block = next(blocks, None)
            if block is None:
                whole = True
                break
            records += block.records()
            most = min(most, MOST_CELLS // len(cells(first.data.decode(errors="replace"), ",")) + 1)
        if whole and not complete:
            # What comes next belongs to the last one, or not.
            records.pop()
        if complete and not whole and format != "CSV":
            for _ in range(SOUND // BLOCK):
                if not source.stream.read(BLOCK):
                    break
    except LoadError as error:
        broken = _without_name(error, source.name) if complete else None
    return Sample(
        format,
        records[: most + 1],
        separator and separator[1].decode(errors="replace"),
        whole and complete and len(records) <= most + 1,
        broken,
        source.rows,
    )


def _without_name(error: LoadError, name: str) -> str:
    return str(error).removeprefix(f"{name}: ")
