"""The hypertables that are declared: what they hold, how much, and from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.series import catalog
from timestack.series.catalog import Hypertable
from timestack.series.extent import Extent, whole

# Of each table: its columns in order with their types, and the planner's estimate of its rows. One
# that is declared and not there yet has none.
TABLES = text("""
    select name, approximate_row_count(to_regclass(name)) as rows,
           array_agg(attname::text order by attnum) as columns,
           array_agg(format_type(atttypid, null) order by attnum) as types
      from unnest(cast(:names as text[])) as name
           join pg_attribute on attrelid = to_regclass(name)
     where attnum > 0 and not attisdropped
     group by name
""")
NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})


@dataclass(frozen=True)
class Dataset:
    """A hypertable as it is declared and as it is now.

    ``columns`` are names and PostgreSQL's types, in the table's order. ``rows`` is an estimate,
    None where the table has rows that nobody has counted yet.
    """

    name: str
    declared: Hypertable
    columns: Mapping[str, str]
    rows: int | None
    extent: Extent | None

    @property
    def time(self) -> str:
        """The time column."""
        return self.declared.time

    @property
    def keys(self) -> list[str]:
        """The columns that tell rows of one time apart, in the declared order."""
        unique = map(catalog.name_of, self.declared.unique or ())
        return [name for name in unique if name != self.time]

    @property
    def values(self) -> list[str]:
        """The columns of numbers that are not keys."""
        return [
            name
            for name, type in self.columns.items()
            if type in NUMBERS and name != self.time and name not in self.keys
        ]


def names() -> list[str]:
    """Return the names of the declared hypertables, in the order of the file."""
    return list(catalog.current().hypertables)


def read(session: Session, names: Sequence[str]) -> list[Dataset]:
    """Return datasets of these names, in their order; without those that are not there (yet)."""
    declared = catalog.current().hypertables
    there = {row.name: row for row in session.execute(TABLES, {"names": list(names)})}
    found = []
    for name in names:
        if (row := there.get(name)) and name in declared:
            extent = whole(session, name)
            columns = dict(zip(row.columns, row.types, strict=True))
            rows = row.rows or (0 if extent is None else None)
            found.append(Dataset(name, declared[name], columns, rows, extent))
    return found
