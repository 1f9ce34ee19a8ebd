"""What separates the cells, and whether the first line names the columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from timestack.domains.load.errors import LoadError
from timestack.domains.load.records import Record, cells
from timestack.domains.load.table import Table

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Dialect:
    """``header`` holds the names of the file's columns, whether or not its first line does."""

    delimiter: str
    header: tuple[str, ...]
    has_header: bool


def sniff(connection: Connection, first: Record, table: Table, renamed: Collection[str]) -> Dialect:
    """Read the dialect off the first record.

    It is the header when it holds a column's name; else it must be a row of the whole table in
    its order. Raises LoadError when it is neither.
    """
    try:
        text = first.data.decode().replace("\0", "")
    except UnicodeDecodeError as error:
        raise LoadError(
            f"line {first.line}: byte {first.offset + error.start} is not UTF-8: convert the file"
        ) from None
    names = {column.name.casefold() for column in table.columns} | {
        name.strip().casefold() for name in renamed
    }
    cut = {each: [(cell or "").strip() for cell in cells(text, each)] for each in DELIMITERS}
    known = {each: sum(cell.casefold() in names for cell in row) for each, row in cut.items()}
    best = max(DELIMITERS, key=lambda each: (known[each], len(cut[each])))
    if known[best]:
        return Dialect(best, tuple(cut[best]), has_header=True)
    columns = [column for column in table.columns if not column.generated]
    for delimiter in DELIMITERS:
        row = cells(text, delimiter)
        if len(row) == len(columns) and _fits(connection, row, [each.type for each in columns]):
            return Dialect(delimiter, tuple(column.name for column in columns), has_header=False)
    # Whoever chooses the columns will name the unknown ones.
    return Dialect(best, tuple(cut[best]), has_header=True)


def _fits(connection: Connection, row: list[str | None], types: list[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select bool_and(pg_input_is_valid(cell, type))"
            " from unnest(%s::text[], %s::text[]) as pair(cell, type) where cell is not null",
            (row, types),
        )
        return cursor.fetchone()[0] is not False
