"""Whether two databases hold the same rows: each table's count, and a hash of all of its rows.

The hash is the sum of one 64-bit hash for each row, so that the order of rows does not matter, and
a changed, a missing and a doubled row show. A row is hashed as the text of its columns, which are
taken by name: chunks, compression and the order of columns may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

# Runs SQL in one session and answers what `psql -XAtq` prints of it.
Ask = Callable[[str], str]


class Rows(NamedTuple):
    """How many rows, and the sum of their hashes: 16 hexadecimal digits."""

    count: int
    hash: str


# Text is the same on both sides only by the same settings; one table may take hours.
SETTINGS = """
set search_path = pg_catalog;
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';
set bytea_output = 'hex';
set extra_float_digits = 1;
set statement_timeout = 0;
"""

# Tables of every schema but those of PostgreSQL and TimescaleDB: a hypertable has the rows of its
# chunks, a partitioned table those of its parts. A continuous aggregate is asked as the view that
# it is. Unlogged tables are left out: no backup has their rows, and recovery empties them.
TABLES = """
select format('%I.%I', n.nspname, c.relname) as name,
       format('select count(*), coalesce(sum(hashtextextended(row(%s)::text, 0)), 0)'
              ' from %I.%I as t',
              (select string_agg(format('t.%I', a.attname), ', ' order by a.attname collate "C")
                 from pg_attribute as a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
              n.nspname, c.relname) as question
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|information_schema$|_?timescaledb_|_osm_)'
   and c.relpersistence = 'p' and not c.relispartition
   and (c.relkind in ('r', 'p', 'm') or (n.nspname, c.relname) in (
         select view_schema, view_name from timescaledb_information.continuous_aggregates))
 order by 1;
"""


def hashes(ask: Ask, tell: Callable[[str], None] = lambda text: None) -> dict[str, Rows]:
    """Count and hash the rows of every table, by `schema.table`, as the session sees them.

    The session is a superuser's, which row security does not bind, and keeps SETTINGS. `tell` is
    given the name of each table as it begins. Whatever `ask` raises is raised.
    """
    return dict(each(ask, tell))


def each(ask: Ask, tell: Callable[[str], None] = lambda text: None) -> Iterator[tuple[str, Rows]]:
    """The same, table by table."""
    ask(SETTINGS)
    for line in ask(TABLES).splitlines():
        name, _, question = line.partition("|")
        tell(name)
        count, total = ask(f"{question};").strip().split("|")
        # The sum is exact; of it, as many bits as a row's hash has.
        yield name, Rows(int(count), f"{int(total) % 2**64:016x}")


def differences(source: dict[str, Rows], copy: dict[str, Rows]) -> list[str]:
    """One sentence for each table that is not the same in both."""
    found = []
    for name in sorted(source.keys() | copy.keys()):
        here, there = source.get(name), copy.get(name)
        if there is None:
            found.append(f"{name} is missing in the copy")
        elif here is None:
            found.append(f"{name} is in the copy alone")
        elif here.count != there.count:
            found.append(f"{name} has {here.count:,} rows, and the copy {there.count:,}")
        elif here != there:
            found.append(f"{name} has other values in the copy, of {here.count:,} rows")
    return found
