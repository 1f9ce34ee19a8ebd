"""What of a database the code that runs on it would miss: a migration that takes nothing away is
additive, and code from before it goes on working.

The schema is read before and after the migrations, in their transaction, and compared: so it is
known what they did, whatever their statements look like. Rows are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

# Ours: not PostgreSQL's, and not where TimescaleDB keeps chunks and its own.
OURS = "^(?!pg_|_?timescaledb|information_schema)"
COLUMNS = """
select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       a.attnotnull,
       a.atthasdef or a.attidentity <> '' or a.attgenerated <> ''
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0
   and not a.attisdropped and n.nspname ~ :ours
"""
# A unique index is what `on conflict` names.
RULES = """
select n.nspname || '.' || c.relname, r.conname, pg_get_constraintdef(r.oid)
  from pg_constraint r join pg_class c on c.oid = r.conrelid
  join pg_namespace n on n.oid = c.relnamespace
 where r.contype in ('c', 'f', 'x') and n.nspname ~ :ours
union all
select n.nspname || '.' || c.relname, i.relname,
       'UNIQUE' || regexp_replace(pg_get_indexdef(x.indexrelid), '^.* USING', '')
  from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
 where x.indisunique and n.nspname ~ :ours
"""
FUNCTIONS = """
select n.nspname || '.' || p.oid::regprocedure::text from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
 where n.nspname ~ :ours and not exists (
   select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""
# A list of texts that a column may be, as PostgreSQL writes it.
LISTED = re.compile(r"'((?:[^']|'')*)'::[a-z ]+(?:, )?")


@dataclass(frozen=True)
class Column:
    """A column as whoever reads or writes it meets it; `filled` has a value by itself."""

    type: str
    required: bool
    filled: bool


@dataclass(frozen=True)
class Schema:
    """Columns and rules (checks, foreign keys, unique indexes) by table and name; functions."""

    columns: dict[tuple[str, str], Column]
    rules: dict[tuple[str, str], str]
    functions: frozenset[str]

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}


def schema(connection: Connection) -> Schema:
    """What is there now, within the connection's transaction."""
    columns, rules, functions = (
        connection.execute(text(question), {"ours": OURS}).all()
        for question in (COLUMNS, RULES, FUNCTIONS)
    )
    return Schema(
        {(row[0], row[1]): Column(*row[2:]) for row in columns},
        {(row[0], row[1]): row[2] for row in rules},
        frozenset(row[0] for row in functions),
    )


def missed(before: Schema, after: Schema) -> list[str]:
    """What code written for `before` would stumble over in `after`, a line each."""
    gone = before.tables - after.tables
    return [
        *(f"{table}: is gone" for table in sorted(gone)),
        *_columns(before, after, gone),
        *_rules(before, after),
        *(f"{name}: the function is gone" for name in sorted(before.functions - after.functions)),
    ]


def _columns(before: Schema, after: Schema, gone: set[str]) -> Iterator[str]:
    for (table, name), was in sorted(before.columns.items()):
        now = after.columns.get((table, name))
        if table in gone:
            continue
        if now is None:
            yield f"{table}.{name}: is gone"
        elif now.type != was.type:
            yield f"{table}.{name}: is {now.type}, was {was.type}"
        elif now.required and not was.required:
            yield f"{table}.{name}: may not be null any more"
        elif now.required and was.filled and not now.filled:
            yield f"{table}.{name}: has no default any more"
    for (table, name), now in sorted(after.columns.items()):
        is_new = table in before.tables and (table, name) not in before.columns
        if is_new and now.required and not now.filled:
            yield f"{table}.{name}: is new, may not be null, and has no default"


def _rules(before: Schema, after: Schema) -> Iterator[str]:
    for (table, name), was in sorted(before.rules.items()):
        is_gone = table in after.tables and was not in _of(after, table)
        # Without a check or a foreign key more is let through; without a unique index no
        # `on conflict` finds it.
        if is_gone and was.startswith("UNIQUE"):
            yield f"{table}: {name} is gone: {was}"
    for (table, name), now in sorted(after.rules.items()):
        old = _of(before, table)
        if table not in before.tables or now in old or any(_wider(now, was) for was in old):
            continue
        yield f"{table}: {name} lets less through: {now}"


def _of(found: Schema, table: str) -> set[str]:
    return {rule for (where, _), rule in found.rules.items() if where == table}


def _wider(now: str, was: str) -> bool:
    """Whether a column that may be one of some texts may be one of more."""
    if "= ANY (ARRAY[" not in now or LISTED.sub("", now) != LISTED.sub("", was):
        return False
    return set(LISTED.findall(now)) >= set(LISTED.findall(was))
