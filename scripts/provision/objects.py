"""What one database has and another, made from the same files, has not: whoever made it by hand.

The other one is what migrations, hypertables.yaml and datasets declare, so nothing here repeats it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, text

from scripts.provision import reading, rollups
from scripts.provision.aggregates import levels
from timestack.series.catalog import Catalog
from timestack.series.edition import edition

# Not PostgreSQL's own, TimescaleDB's or what the entrypoint makes of server.sql. Functions and
# triggers of the schema `timestack`, rollups and their indexes are what `make drift` compares.
OBJECTS = """
with ours as (
  select oid, nspname from pg_namespace
   where nspname !~ '^(pg_|information_schema$|_?timescaledb_|_osm_|timestack_server$)'
), relations as (
  select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name
    from pg_class as c join ours as n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
     and coalesce(obj_description(c.oid, 'pg_class'), '') not like 'timestack rollup of %'
     and not exists (select from pg_depend as d
                      where d.classid = 'pg_class'::regclass and d.objid = c.oid
                        and (d.deptype in ('e', 'i') or (c.relkind = 'S' and d.deptype = 'a')))
     and not (n.nspname = 'datasets' and c.relkind = 'r'
              and c.relname in (select 'd' || id from public.datasets))
), tables as (
  select * from relations as r
   where relkind in ('r', 'p')
), plain as (
  select * from tables as t
   where not exists (select from timescaledb_information.hypertables as h
                      where format('%I.%I', h.hypertable_schema, h.hypertable_name) = t.name)
)
select 'schema ' || nspname as object, null as relation from ours
union all
select case relkind when 'v' then 'view ' when 'm' then 'materialized view '
       when 'S' then 'sequence ' when 'f' then 'foreign table ' else 'table ' end || name, name
  from relations
union all
select format('column %I of %s', a.attname, t.name), t.name
  from tables as t join pg_attribute as a on a.attrelid = t.oid
 where a.attnum > 0 and not a.attisdropped
union all
select format('index %I of %s', i.relname, t.name), t.name
  from plain as t join pg_index as x on x.indrelid = t.oid
  join pg_class as i on i.oid = x.indexrelid
union all
select format('trigger %I of %s', g.tgname, t.name), t.name
  from tables as t join pg_trigger as g on g.tgrelid = t.oid
 where not g.tgisinternal and g.tgname !~ '^(ts_|timestack_)'
union all
select format('function %s', p.oid::regprocedure), null
  from pg_proc as p join ours as n on n.oid = p.pronamespace
 where n.nspname <> 'timestack'
   and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass
                      and d.objid = p.oid and d.deptype = 'e')
union all
select format('type %s', t.oid::regtype), null
  from pg_type as t join ours as n on n.oid = t.typnamespace
  left join pg_class as c on c.oid = t.typrelid
 where t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')
union all
select 'extension ' || extname, null from pg_extension
 where extname not in ('plpgsql', 'timescaledb', 'pg_stat_statements')
union all
select 'role ' || rolname, null from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'
"""


# Kinds whose parts are not named beside them.
WHOLE = {"table", "view", "materialized", "sequence", "foreign"}


class Object(NamedTuple):
    """What a person reads, such as `table public.x`, and the relation that it belongs to."""

    object: str
    relation: str | None


def read(connection: Connection) -> set[Object]:
    """Everything that somebody declared or made."""
    return {Object(*row) for row in connection.execute(text(OBJECTS))}


def unknown(source: set[Object], target: set[Object], also: Collection[str]) -> list[str]:
    """What the target lacks, without the relations that are taken along, and what is part of them.

    Of a relation that is unknown itself, its columns and indexes are not named.
    """
    missing = source - target
    whole = {each.relation for each in missing if each.object.split()[0] in WHOLE and each.relation}
    return sorted(
        each.object
        for each in missing
        if each.relation not in also
        and (each.relation not in whole or each.object.split()[0] in WHOLE)
    )


def lost(declared: Catalog, source: Connection, target: Connection) -> Iterator[str]:
    """Rollups with buckets that the target could not have, one sentence each.

    The Community edition computes its rollups itself, from rows that a retention may have dropped.
    """
    if edition(target) != "timescale":
        return
    state = reading.read(source, declared.hypertables)
    for name, table in declared.hypertables.items():
        for level in levels(name, table):
            if what := rollups.lost(level, state):
                yield f"rollup {level.table}: {what}"
