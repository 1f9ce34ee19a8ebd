"""What hypertables hold: their columns, how much, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.series import catalog, uploaded
from timestack.series.catalog import Hypertable
from timestack.series.extent import Extent, whole

# Of each table: its columns in order with their types, the planner's estimate of its rows, and its
# chunks. One that is declared and not there yet has none.
TABLES = text("""
    select name, approximate_row_count(to_regclass(name)) as rows,
           array_agg(attname::text order by attnum) as columns,
           array_agg(format_type(atttypid, null) order by attnum) as types,
           (select count(*) from timescaledb_information.chunks
             where format('%I.%I', hypertable_schema, hypertable_name)::regclass
                   = to_regclass(name)) as chunks
      from unnest(cast(:names as text[])) as name
           join pg_attribute on attrelid = to_regclass(name)
     where attnum > 0 and not attisdropped
     group by name
""")
# With their indexes.
SIZE = text("""
    select coalesce(sum(hypertable_size(to_regclass(name))), 0)::bigint
      from unnest(cast(:names as text[])) as name
     where to_regclass(name) is not null
""")
NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})


@dataclass(frozen=True)
class Table:
    """A hypertable as it is declared and as it is now.

    ``columns`` are names and PostgreSQL's types, in the table's order. ``rows`` is an estimate,
    None where the table has rows that nobody has counted yet. ``size`` is in bytes on the disk,
    with its indexes and rollups.
    """

    name: str
    declared: Hypertable
    columns: Mapping[str, str]
    rows: int | None
    extent: Extent | None
    chunks: int
    size: int

    @property
    def keys(self) -> list[str]:
        """The columns that tell its series apart, in the declared order."""
        unique = map(catalog.name_of, self.declared.unique or ())
        named = [name for name in unique if name != self.declared.time]
        return named or sorted(self.declared.keys)

    @property
    def values(self) -> list[str]:
        """The columns of numbers that are not keys."""
        return [
            name
            for name, type in self.columns.items()
            if type in NUMBERS and name != self.declared.time and name not in self.keys
        ]


def names(*, admin: bool = False) -> list[str]:
    """Return the names of the hypertables of the file, in its order: those that they may read."""
    declared = catalog.current().hypertables
    return [name for name, each in declared.items() if admin or not each.admins_only]


def read(session: Session, names: Iterable[str]) -> dict[str, Table]:
    """Return tables of these names by name; without those that are not there (yet)."""
    there = {row.name: row for row in session.execute(TABLES, {"names": list(names)})}
    found = {}
    for name, row in there.items():
        declared = uploaded.find(session, name).hypertables.get(name)
        if declared:
            rollups = [each for rollup in declared.rollups for each in rollup.tables(name).values()]
            extent = whole(session, name)
            found[name] = Table(
                name,
                declared,
                dict(zip(row.columns, row.types, strict=True)),
                row.rows or (0 if extent is None else None),
                extent,
                row.chunks,
                session.scalar(SIZE, {"names": [name, *rollups]}),
            )
    return found
