"""The delimiter of the cells, and whether the first line is a header."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from timestack.domains.load.errors import LoadError, listed
from timestack.domains.load.records import Record, cells
from timestack.domains.load.table import Table

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """``header`` holds the names of the file's columns, whether or not its first line does."""

    delimiter: str
    header: tuple[str, ...]
    has_header: bool


def sniff(
    first: Record,
    table: Table,
    named: Collection[str],
    *,
    has_header: bool = True,
    delimiter: str | None = None,
) -> Dialect:
    """Detect the dialect from the first record; ``delimiter`` may be known already.

    It is the header, and holds the name of a column or one of those ``named`` besides; without a
    header it must be a row of the whole table in its order. Raises LoadError where it is not.
    """
    try:
        text = first.data.decode().replace("\0", "")
    except UnicodeDecodeError as error:
        raise LoadError(
            f"line {first.line}: byte {first.offset + error.start} is not UTF-8: convert the file"
        ) from None
    delimiters = (delimiter,) if delimiter else DELIMITERS
    names = [column.name for column in table.columns if not column.generated]
    if not has_header:
        for each in delimiters:
            row = cells(text, each)
            if len(row) == len(names):
                return Dialect(each, tuple(names), has_header=False)
        raise LoadError(
            f"line {first.line} is not a row of {len(names)} cells, as without a header it must be:"
            f" {', '.join(listed(names))}"
        )
    known = {name.strip().casefold() for name in (*named, *(c.name for c in table.columns))}
    cut = {each: [(cell or "").strip() for cell in cells(text, each)] for each in delimiters}
    found = {each: sum(cell.casefold() in known for cell in row) for each, row in cut.items()}
    best = max(delimiters, key=lambda each: (found[each], len(cut[each])))
    if not found[best]:
        raise LoadError(
            f"line {first.line} names no column of {table.name}, so it is not a header:"
            " put one before it, name the file's columns with --map, or use --no-header"
            f" when each line holds, in this order: {', '.join(listed(names))}"
        )
    return Dialect(best, tuple(cut[best]), has_header=True)
