"""Rows that may meet others of the same key: into a staging table first, then one merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from timestack.domains.load.commit import STAGING
from timestack.domains.load.errors import Fault, LoadError
from timestack.domains.load.lanes import Lane
from timestack.domains.load.table import Column, Table
from timestack.series.sql import fill

# Unlogged: a crash empties it, and recovery drops it anyway. Checks come along, so that they are
# found line by line; the default gives each row its place in the file, with ctid within a block.
CREATE = "create unlogged table {staging} (like {sql_table} including constraints)"
PLACE = """
alter table {staging} add column load_block bigint;
alter table {staging} alter column load_block
  set default current_setting('timestack.block')::bigint
"""
OPTIONAL = "alter table {staging} alter column {column} drop not null"

MERGE = """
insert into {sql_table} ({columns})
select {columns} from {sql_rows}
on conflict {sql_action}
"""
EVERY = "{staging} where {sql_where}"
# Of rows with one key, the first counts where rows are skipped, the last where they are updated.
DISTINCT = (
    "(select distinct on ({key}) {columns} from {staging} where {sql_where}"
    " order by {key}, load_block {sql_order}, ctid {sql_order}) as distinct_rows"
)
FOREIGN_KEYS = """
select format('%%I.%%I', nspname, relname), relname::text,
       array(select attname::text from unnest(conkey) with ordinality as part(number, position)
               join pg_attribute on attnum = number and attrelid = conrelid order by position),
       array(select attname::text from unnest(confkey) with ordinality as part(number, position)
               join pg_attribute on attnum = number and attrelid = confrelid order by position)
  from pg_constraint join pg_class on pg_class.oid = confrelid
       join pg_namespace on pg_namespace.oid = relnamespace
 where conrelid = to_regclass(%s) and contype = 'f' and conparentid = 0
 order by conname
"""
# The rows that refer to nothing, by block, and how many stand before each in it. What is null in
# part refers to nothing by right.
ORPHANS = """
select load_block,
       (select count(*) from {staging} as before
         where before.load_block = row.load_block and before.ctid < row.ctid),
       concat_ws(', ', {sql_row})
  from {staging} as row
 where {sql_known} and not exists (select from {sql_parent} as parent where {sql_same})
 order by load_block, ctid
 limit %s
"""
REPEATS = "select exists (select from {staging} group by {key} having count(*) > 1)"
MICROS = "'epoch'::timestamptz + {micros:d} * interval '1 microsecond'"


class Orphan(NamedTuple):
    """A staged row that refers to nothing: its block's offset, its place in it from 0, and why."""

    block: int
    place: int
    fault: Fault


class Staging:
    """The staging table of one load, and its merge into the table."""

    def __init__(self, connection: Connection, table: Table, columns: Sequence[Column], key: str):
        self.name = STAGING + key
        self._connection = connection
        self._table = table
        self._columns = [column.name for column in columns]
        self._key = conflict_key(table, self._columns)
        with connection.cursor() as cursor:
            cursor.execute(fill(CREATE, staging=self.name, sql_table=table.name))
            cursor.execute(fill(PLACE, staging=self.name))
            for column in table.columns:
                if column.not_null and column.name not in self._columns:
                    cursor.execute(fill(OPTIONAL, staging=self.name, column=column.name))

    def merge(self, lanes: Sequence[Lane], cuts: Sequence[int], on_conflict: str, rows: int) -> int:
        """Merge ``rows`` staged rows in the lanes' transactions; returns how many were written.

        Each lane takes the rows between two of the ``cuts``, times in microseconds since 1970:
        one less than there are lanes. A key holds its time, so no two lanes meet in one.

        The optimistic way first: it needs no order, and holds when no key occurs twice in the
        file. Where one does, the rows are put in the file's order and one of each key is taken.
        """
        merges = list(zip(lanes, self._ranges(cuts), strict=True))
        with ThreadPoolExecutor(len(lanes)) as pool:
            written = list(pool.map(lambda each: self._try(*each, on_conflict), merges))
            again = None in written
            if on_conflict == "skip" and sum(written) < rows:
                again = self._repeats()
            if again:
                for lane in lanes:
                    lane.cursor.execute("rollback to savepoint merge")
                written = list(pool.map(lambda each: self._choose(*each, on_conflict), merges))
        return sum(written)

    def orphans(self, most: int) -> list[Orphan]:
        """Return the first ``most`` rows that refer to what is not there."""
        found: list[Orphan] = []
        with self._connection.cursor() as cursor:
            cursor.execute(FOREIGN_KEYS, (self._table.name,))
            for parent, relation, columns, keys in cursor.fetchall():
                same = [
                    fill("parent.{key} = row.{column}", key=key, column=column)
                    for key, column in zip(keys, columns, strict=True)
                ]
                query = fill(
                    ORPHANS,
                    staging=self.name,
                    sql_parent=parent,
                    sql_row=", ".join(fill("row.{column}", column=each) for each in columns),
                    sql_known=" and ".join(
                        fill("row.{column} is not null", column=each) for each in columns
                    ),
                    sql_same=" and ".join(same),
                )
                cursor.execute(query, (most,))
                name = ", ".join(columns)
                found += [
                    Orphan(*place, Fault(name, f'{values} is not present in table "{relation}"'))
                    for *place, values in cursor.fetchall()
                ]
        return found

    def drop(self) -> None:
        """Remove the table."""
        with self._connection.cursor() as cursor:
            cursor.execute(fill("drop table if exists {staging}", staging=self.name))

    def _ranges(self, cuts: Sequence[int]) -> Iterator[str]:
        """Yield a condition on the time per lane; together they hold for every row once."""
        bounds = [None, *(MICROS.format(micros=cut) for cut in cuts), None]
        for low, high in pairwise(bounds):
            parts = [
                fill("{time} {sql_bound}", time=self._table.time, sql_bound=bound)
                for bound in (low and f">= {low}", high and f"< {high}")
                if bound
            ]
            yield " and ".join(parts) or "true"

    def _try(self, lane: Lane, where: str, on_conflict: str) -> int | None:
        """Merge without an order; None when a key occurs twice and both would update."""
        lane.cursor.execute("savepoint merge")
        try:
            rows = fill(EVERY, staging=self.name, sql_where=where)
            return self._insert(lane, rows, on_conflict)
        except errors.CardinalityViolation:
            return None

    def _choose(self, lane: Lane, where: str, on_conflict: str) -> int:
        """Merge one row of each key."""
        rows = fill(
            DISTINCT,
            key=self._key,
            columns=self._columns,
            staging=self.name,
            sql_where=where,
            sql_order="desc" if on_conflict == "update" else "asc",
        )
        return self._insert(lane, rows, on_conflict)

    def _insert(self, lane: Lane, rows: str, on_conflict: str) -> int:
        changed = [column for column in self._columns if column not in self._key]
        action = fill("({key}) do nothing", key=self._key)
        if on_conflict == "update" and changed:
            sets = ", ".join(fill("{column} = excluded.{column}", column=each) for each in changed)
            action = fill("({key}) do update set {sql_sets}", key=self._key, sql_sets=sets)
        lane.cursor.execute(
            fill(
                MERGE,
                sql_table=self._table.name,
                columns=self._columns,
                sql_rows=rows,
                sql_action=action,
            )
        )
        return lane.cursor.rowcount

    def _repeats(self) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute(fill(REPEATS, staging=self.name, key=self._key))
            return cursor.fetchone()[0]


def conflict_key(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the unique key that a file with these columns can conflict on.

    Raises LoadError when the table has none.
    """
    for key in table.keys:
        if set(key) <= set(columns):
            return key
    raise LoadError(f"{table.name} has no unique key over the file's columns: nothing to conflict")
