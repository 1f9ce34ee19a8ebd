"""What the database is now, read from its system catalogs in one pass."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, text

from scripts.provision.errors import Refused
from timestack.series.edition import Edition, edition
from timestack.series.policies import JOBS, REFRESH
from timestack.series.sql import fill, literal

RELATIONS = """
select c.relname as name, c.relrowsecurity as row_security,
       obj_description(c.oid, 'pg_class') as comment,
       (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
  from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
"""

DIMENSIONS = """
select hypertable_name as name, column_name as column, dimension_type = 'Time' as is_time,
       time_interval as width, num_partitions as count
  from timescaledb_information.dimensions where hypertable_schema = 'public'
 order by dimension_number
"""

INDEXES = """
select t.relname as table, i.relname as name, x.indisunique as unique,
       exists (select from pg_constraint k where k.conindid = i.oid) as constraint,
       x.indexprs is null and x.indpred is null and am.amname = 'btree' as plain,
       pg_get_indexdef(i.oid) as definition,
       (select array_agg(a.attname
                         || case x.indoption[n - 1] & 1 when 1 then ' desc' else '' end order by n)
          from generate_series(1, x.indnkeyatts) n
          join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[n - 1]) as columns
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join pg_class t on t.oid = x.indrelid
  join pg_am am on am.oid = i.relam
 where t.relnamespace = 'public'::regnamespace
"""

FUNCTIONS = """
select p.proname as name, case when p.prosecdef then p.prosrc end as body
  from pg_proc p where p.pronamespace = to_regnamespace('timestack')
"""

EXECUTE = """
select p.proname as name,
       case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as role
  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 where p.pronamespace = to_regnamespace('timestack') and a.grantee <> p.proowner
"""

TRIGGERS = """
select t.relname as table, g.tgname as name, g.tgenabled = 'O' as enabled,
       p.proname as function, encode(g.tgargs, 'escape') as arguments
  from pg_trigger g
  join pg_class t on t.oid = g.tgrelid
  join pg_proc p on p.oid = g.tgfoid
 where t.relnamespace = 'public'::regnamespace and not g.tgisinternal
   and p.pronamespace <> to_regnamespace('_timescaledb_functions')
"""

GRANTS = """
select c.relname as table, lower(a.privilege_type) as privilege,
       case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as role
  from pg_class c, aclexplode(c.relacl) a
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
   and a.grantee <> c.relowner
"""

# What numbers a column: its own, which goes with the table.
SEQUENCES = """
select s.relname as name, t.relname as table
  from pg_depend d
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_class t on t.oid = d.refobjid
 where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
   and d.deptype in ('a', 'i') and s.relnamespace = 'public'::regnamespace
"""

ROW_POLICIES = """
select tablename as table, policyname as name, roles::text[] as roles, lower(cmd) as command,
       qual as using, with_check as check
  from pg_policies where schemaname = 'public'
"""

CONTINUOUS_AGGREGATES = """
select view_name as name, materialized_only from timescaledb_information.continuous_aggregates
 where view_schema = 'public'
"""

# Intervals of a policy's configuration, in seconds; what else is in it identifies the table.
POLICIES = fill(
    """
select "table", proc_name as kind, extract(epoch from schedule_interval) as every,
       (select json_object_agg(key, extract(epoch from value::interval))
          from jsonb_each_text(config)
         where key in ('start_offset', 'end_offset', 'compress_after', 'drop_after')) as config
  from {sql_jobs}
 where proc_name in
       ({sql_refresh}, 'policy_retention', 'policy_compression')
""",
    sql_jobs=JOBS,
    sql_refresh=literal(REFRESH),
)

COLUMNSTORES = """
select c.relname as table, coalesce(s.segmentby, '') as segment_by,
       coalesce(s.orderby, '') as order_by
  from timescaledb_information.hypertable_columnstore_settings s
  join pg_class c on c.oid = s.hypertable
 where s.segmentby is not null or s.orderby is not null
"""

# In seconds since 1970: a chunk may begin before the first time that Python has, and need not end.
CHUNKS = """
select hypertable_name as table,
       array_agg(format('%I.%I', chunk_schema, chunk_name) order by range_start) as names,
       array_agg(extract(epoch from range_start)::float8 order by range_start) as starts,
       array_agg(extract(epoch from range_end)::float8 order by range_start) as ends,
       bool_or(is_compressed) as in_columnstore
  from timescaledb_information.chunks
 where hypertable_schema = 'public' and range_start is not null group by 1
"""

HAS_ROWS = "select exists (select from {sql_relation})"
OLDEST_BUCKET = "select extract(epoch from min(bucket))::float8 from public.{name}"

BOUNDS = """
select t.relname as table, k.conname as name, k.convalidated as validated, d.description as comment
  from pg_constraint k
  join pg_class t on t.oid = k.conrelid
  join pg_description d on d.objoid = k.oid and d.classoid = 'pg_constraint'::regclass
 where t.relnamespace = 'public'::regnamespace and k.contype = 'c'
   and d.description like 'timestack bounds: %'
"""

ROLES = """
select r.rolname as name, r.rolcanlogin as login,
       array_remove(array[case when r.rolsuper then 'superuser' end,
                          case when r.rolcreatedb then 'createdb' end,
                          case when r.rolcreaterole then 'createrole' end,
                          case when r.rolreplication then 'replication' end,
                          case when r.rolbypassrls then 'bypassrls' end], null) as attributes,
       array(select m.roleid::regrole::text from pg_auth_members m where m.member = r.oid)
         as member_of,
       r.rolconfig as settings
  from pg_roles r
"""

CONNECTABLE = """
select rolname as name from pg_roles
 where has_database_privilege(oid, current_database(), 'connect')
   and has_schema_privilege(oid, 'public', 'usage')
"""

BACKUP_FUNCTIONS = """
select pg_get_userbyid(a.grantee) as role,
       array_agg(format('%s(%s)', p.proname, oidvectortypes(p.proargtypes))) as functions
  from pg_proc p, aclexplode(p.proacl) a
 where p.pronamespace = 'pg_catalog'::regnamespace and a.grantee <> 0
   and p.proname in
       ('pg_backup_start', 'pg_backup_stop', 'pg_switch_wal', 'pg_create_restore_point')
 group by 1
"""

# What the role that asks may hand on; a managed server may keep some of it to itself.
DELEGABLE = """
select format('%s(%s)', p.proname, oidvectortypes(p.proargtypes)) as name
  from pg_proc p
 where p.pronamespace = 'pg_catalog'::regnamespace
   and p.proname in
       ('pg_backup_start', 'pg_backup_stop', 'pg_switch_wal', 'pg_create_restore_point')
   and has_function_privilege(p.oid, 'execute with grant option')
 union all
select rolname from pg_roles
 where rolname like 'pg\\_%' and pg_has_role(oid, 'member with admin option')
"""


@dataclass(frozen=True)
class Relation:
    row_security: bool
    comment: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Dimensions:
    time: str
    # None where the table is partitioned by whole numbers.
    chunk_interval: timedelta | None
    partition: tuple[str, int] | None


@dataclass(frozen=True)
class Index:
    """``columns`` like ``time desc``; None for an index that the file cannot describe."""

    columns: tuple[str, ...] | None
    unique: bool
    constraint: bool
    definition: str


@dataclass(frozen=True)
class Check:
    """A declared bound as the database has it; not ``validated`` it holds for new rows alone."""

    comment: str
    validated: bool


@dataclass(frozen=True)
class Chunk:
    """From when to before when a chunk has rows: seconds since 1970, infinite where it is open.

    ``name`` is with its schema, and quoted.
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Trigger:
    function: str
    arguments: tuple[str, ...]
    enabled: bool


@dataclass(frozen=True)
class RowPolicy:
    """Whose rows a role sees: the conditions as PostgreSQL prints them."""

    roles: frozenset[str]
    command: str
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Policy:
    """A background job of TimescaleDB: its intervals by name, None where there is no limit."""

    config: dict[str, timedelta | None]
    every: timedelta


@dataclass(frozen=True)
class Role:
    login: bool
    attributes: frozenset[str]
    member_of: frozenset[str]
    settings: frozenset[str]


@dataclass
class State:
    """All that a plan compares. Names are without schema: tables are in ``public``."""

    edition: Edition
    relations: dict[str, Relation] = field(default_factory=dict)
    hypertables: dict[str, Dimensions] = field(default_factory=dict)
    # In order of time.
    chunks: dict[str, list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    in_columnstore: set[str] = field(default_factory=set)
    # Of tables with rows that are no hypertables yet, when a plan has looked.
    chunks_to_be: dict[str, int] = field(default_factory=dict)
    # In seconds since 1970, as those of a chunk.
    oldest_bucket: dict[str, float | None] = field(default_factory=dict)
    bounds: dict[str, dict[str, Check]] = field(default_factory=lambda: defaultdict(dict))
    # Tables and columns that have rows outside of what is declared, when a plan has looked.
    outside: set[tuple[str, str]] = field(default_factory=set)
    indexes: dict[str, dict[str, Index]] = field(default_factory=lambda: defaultdict(dict))
    # None for a function that no longer runs as its owner.
    functions: dict[str, str | None] = field(default_factory=dict)
    executors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    triggers: dict[str, dict[str, Trigger]] = field(default_factory=lambda: defaultdict(dict))
    grants: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    sequences: dict[str, str] = field(default_factory=dict)
    row_policies: dict[str, dict[str, RowPolicy]] = field(default_factory=lambda: defaultdict(dict))
    continuous_aggregates: dict[str, bool] = field(default_factory=dict)
    policies: dict[tuple[str, str], Policy] = field(default_factory=dict)
    columnstores: dict[str, tuple[str, str]] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    connectable: set[str] = field(default_factory=set)
    backup_functions: dict[str, set[str]] = field(default_factory=dict)
    # None where nobody was asked: everything.
    delegable: set[str] | None = None
    own_attributes: frozenset[str] | None = None
    with_rows: set[str] = field(default_factory=set)

    def takeable(self, attributes: frozenset[str]) -> frozenset[str]:
        """Those of a role's attributes that the role that asks may take from it.

        Nobody takes what he has not himself, and only a superuser changes a superuser.
        """
        if self.own_attributes is None or "superuser" in self.own_attributes:
            return attributes
        return frozenset() if "superuser" in attributes else attributes & self.own_attributes

    def may_delegate(self, names: Iterable[str]) -> list[str]:
        """Those of the predefined roles and functions that the owner may hand on, sorted."""
        return sorted(name for name in names if self.delegable is None or name in self.delegable)

    def expired(self, table: str, retention: timedelta) -> str:
        """What a retention would drop at once, as a sentence; empty when nothing."""
        before = (datetime.now(UTC) - retention).timestamp()
        count = sum(chunk.end <= before for chunk in self.chunks[table])
        return f"drops {count} chunks that are older already" if count else ""


def read(connection: Connection, tables: Iterable[str]) -> State:
    """Read everything that a plan of these tables compares.

    Raises Refused when the database has no TimescaleDB.
    """

    def rows(query: str):
        return connection.execute(text(query))

    if not connection.scalar(text("select 1 from pg_extension where extname = 'timescaledb'")):
        raise Refused(
            f"database {connection.engine.url.database} has no extension timescaledb: have its "
            "administrator run `create extension timescaledb`; nothing was changed"
        )
    state = State(edition(connection))
    for row in rows(RELATIONS):
        state.relations[row.name] = Relation(
            row.row_security, row.comment, tuple(row.columns or ())
        )
    for row in rows(DIMENSIONS):
        if row.is_time:
            state.hypertables[row.name] = Dimensions(row.column, row.width, None)
        else:
            known = state.hypertables[row.name]
            partition = (row.column, row.count)
            state.hypertables[row.name] = Dimensions(known.time, known.chunk_interval, partition)
    for row in rows(CHUNKS):
        state.chunks[row.table] = list(map(Chunk, row.names, row.starts, row.ends))
        if row.in_columnstore:
            state.in_columnstore.add(row.table)
    for row in rows(BOUNDS):
        state.bounds[row.table][row.name] = Check(row.comment, row.validated)
    for row in rows(INDEXES):
        columns = tuple(row.columns) if row.plain else None
        state.indexes[row.table][row.name] = Index(
            columns, row.unique, row.constraint, row.definition
        )
    state.functions = {row.name: row.body for row in rows(FUNCTIONS)}
    for row in rows(EXECUTE):
        state.executors[row.name].add(row.role)
    for row in rows(TRIGGERS):
        arguments = tuple(row.arguments.removesuffix("\\000").split("\\000"))
        state.triggers[row.table][row.name] = Trigger(row.function, arguments, row.enabled)
    for row in rows(GRANTS):
        state.grants[row.table][row.role].add(row.privilege)
    state.sequences = {row.name: row.table for row in rows(SEQUENCES)}
    for row in rows(ROW_POLICIES):
        state.row_policies[row.table][row.name] = RowPolicy(
            frozenset(row.roles), row.command, row.using, row.check
        )
    state.continuous_aggregates = {
        row.name: row.materialized_only for row in rows(CONTINUOUS_AGGREGATES)
    }
    for row in rows(POLICIES):
        config = {key: _seconds(value) for key, value in (row.config or {}).items()}
        if row.kind == REFRESH:
            config = {"start_offset": None, "end_offset": None, **config}
        state.policies[row.table, row.kind] = Policy(config, _seconds(row.every))
    state.columnstores = {
        row.table: (_listed(row.segment_by), _listed(row.order_by)) for row in rows(COLUMNSTORES)
    }
    for row in rows(ROLES):
        state.roles[row.name] = Role(
            row.login,
            frozenset(row.attributes),
            frozenset(row.member_of),
            frozenset(row.settings or ()),
        )
    me = connection.scalar(text("select current_user"))
    state.own_attributes = state.roles[me].attributes
    state.connectable = {row.name for row in rows(CONNECTABLE)}
    state.delegable = {row.name for row in rows(DELEGABLE)}
    state.backup_functions = {row.role: set(row.functions) for row in rows(BACKUP_FUNCTIONS)}
    state.oldest_bucket = {
        name: connection.exec_driver_sql(fill(OLDEST_BUCKET, name=name)).scalar()
        for name, relation in state.relations.items()
        if is_rollup(relation) and "bucket" in relation.columns
    }
    state.with_rows = {
        table
        for table in tables
        if table in state.relations and _has_rows(connection, table, state)
    }
    return state


def _has_rows(connection: Connection, table: str, state: State) -> bool:
    # Chunk by chunk, and the first one tells: a plan over all of thousands takes seconds.
    relations = [chunk.name for chunk in reversed(state.chunks[table])]
    if table not in state.hypertables:
        relations = [fill("public.{table}", table=table)]
    return any(
        connection.exec_driver_sql(fill(HAS_ROWS, sql_relation=relation)).scalar()
        for relation in relations
    )


def day(seconds: float) -> str:
    """The day of a time in seconds since 1970, which may be one that Python has not."""
    if not math.isfinite(seconds):
        return "-infinity" if seconds < 0 else "infinity"
    return str(np.datetime64(int(seconds // 86400), "D"))


def is_rollup(relation: Relation) -> bool:
    """Whether apply made the relation as a rollup."""
    return (relation.comment or "").startswith("timestack rollup of ")


def _listed(columns: str) -> str:
    """``"time" DESC,usage`` -> ``time DESC, usage``, as a plan writes it."""
    return ", ".join(columns.replace('"', "").split(","))


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=float(value))
