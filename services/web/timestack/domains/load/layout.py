"""The layout of a file: what each of its columns fills, and how its cells are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from timestack.domains.load.errors import LoadError, listed
from timestack.domains.load.records import Record, cells
from timestack.domains.load.table import Column, Table
from timestack.domains.load.times import Rules


class Omitted(Enum):
    """Why a column of the file fills no column of the table."""

    ASKED = auto()
    # Without a name, over the numbers of the rows, as pandas writes its index.
    ROW_NUMBERS = auto()
    # Without a name and without a value: each line ends in a delimiter.
    EMPTY = auto()


@dataclass(frozen=True)
class Layout:
    """``time`` is the column that cuts the table into chunks, ``decimal`` a point or a comma."""

    fields: tuple[Column | Omitted, ...]
    delimiter: str
    rules: Rules
    time: str | None
    decimal: str = "."

    @property
    def columns(self) -> tuple[Column, ...]:
        """The table's columns that the file fills, in the file's order."""
        return tuple(field for field in self.fields if not isinstance(field, Omitted))

    @property
    def unnamed(self) -> tuple[int, ...]:
        """The numbers, from 1, of columns that are left out because they have no name."""
        known = (Omitted.ROW_NUMBERS, Omitted.EMPTY)
        return tuple(n for n, field in enumerate(self.fields, 1) if field in known)

    @property
    def is_plain(self) -> bool:
        """Whether the file's bytes can be sent to PostgreSQL as they are."""
        omits = len(self.columns) < len(self.fields)
        return not (omits or self.decimal == "," or self.rules.epoch)


def choose_columns(
    table: Table,
    header: Sequence[str],
    renamed: Mapping[str, str],
    ignored: Collection[str],
    row: Sequence[str | None] | None,
) -> tuple[Column | Omitted, ...]:
    """Return what each field of the file fills, found by name, by ``--map`` or by ``--ignore``.

    Names are compared without regard to case and surrounding blanks; ``ignored`` also holds
    numbers of columns, from 1. The file's first ``row``, if it has one, tells what a column
    without a name is. Raises LoadError with every fault.
    """
    by_name = {column.name.casefold(): column for column in table.columns}
    numbers = [str(number) for number in range(1, len(header) + 1)]
    faults = [f"--map {old}: the file has no such column" for old in renamed if old not in header]
    faults += [
        f"--ignore {name}: the file has no such column"
        for name in ignored
        if name not in header and name not in numbers
    ]
    chosen: list[Column | Omitted] = []
    for number, field in zip(numbers, header, strict=True):
        name = renamed.get(field, field)
        column = by_name.get(name.strip().casefold())
        if (field and field in ignored) or number in ignored:
            chosen.append(Omitted.ASKED)
        elif not name and (omitted := _nameless(int(number), len(header), row)):
            chosen.append(omitted)
        elif column is None:
            shown = repr(name) if name else "has no name and"
            faults.append(
                f"column {number} {shown} is not in the table:"
                f" leave it out with --ignore {field or number}, or name it with --map"
            )
        elif column.generated:
            faults.append(
                f"column {number} {column.name!r} is computed by the database:"
                f" leave it out with --ignore {field}"
            )
        elif column in chosen:
            faults.append(
                f"column {number} {column.name!r} is in the file twice:"
                f" leave one out with --ignore NUMBER"
            )
        else:
            chosen.append(column)
    faults += [
        f"column {column.name!r} must have a value and is not in the file"
        for column in table.columns
        if column.required and column not in chosen
    ]
    if faults:
        names = [column.name for column in table.columns if not column.generated]
        has = f"the table {table.name} has: {', '.join(listed(names))}"
        raise LoadError("\n".join([*listed(faults), has]))
    return tuple(chosen)


def place_columns(
    table: Table, first: Record, delimiter: str, names: Sequence[str | None]
) -> tuple[Column | Omitted, ...]:
    """Return what each field of the file fills where that is known by its place; None is nothing.

    Raises LoadError where the file's ``first`` record has another number of cells, or the table
    has no such column.
    """
    count = len(cells(first.data.decode(errors="replace"), delimiter))
    faults = []
    if count != len(names):
        faults.append(f"line {first.line}: {count} cells, and {len(names)} columns are known")
    faults += [
        f"{table.name} has no column {name!r}" for name in names if name and not table.column(name)
    ]
    if faults:
        raise LoadError("\n".join(listed(faults)))
    return tuple(table.column(name) if name else Omitted.ASKED for name in names)


def _nameless(number: int, count: int, row: Sequence[str | None] | None) -> Omitted | None:
    """Return why a column without a name is left out; None when it may hold anything."""
    cell = row[number - 1] if row and len(row) == count else None
    if number == 1 and cell is not None and cell.isdecimal():
        return Omitted.ROW_NUMBERS
    if cell is None and number == count:
        return Omitted.EMPTY
    return None
