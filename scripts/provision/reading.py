"""The state of a database, read from its system catalogs: each query beside its reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from scripts.provision.errors import Refused
from scripts.provision.state import (
    Check,
    Chunk,
    Dimensions,
    Index,
    Policy,
    Relation,
    Role,
    RowPolicy,
    State,
    Trigger,
    is_rollup,
)
from timestack.series.edition import edition
from timestack.series.policies import JOBS, REFRESH
from timestack.series.sql import fill, literal, relation
from timestack.shared.roles import FUNCTIONS as HANDED_ON


def read(connection: Connection, tables: Iterable[str]) -> State:
    """Read everything that a plan of these tables compares.

    Raises Refused when the database has no TimescaleDB.
    """
    if not connection.scalar(text("select 1 from pg_extension where extname = 'timescaledb'")):
        raise Refused(
            f"database {connection.engine.url.database} has no extension timescaledb: have its "
            "administrator run `create extension timescaledb`; nothing was changed"
        )
    relations, roles = _relations(connection), _roles(connection)
    chunks, in_columnstore = _chunks(connection)
    state = State(
        edition(connection),
        relations=relations,
        hypertables=_hypertables(connection),
        chunks=chunks,
        in_columnstore=in_columnstore,
        oldest_bucket=_oldest_buckets(connection, relations),
        bounds=_bounds(connection),
        indexes=_indexes(connection),
        functions=_functions(connection),
        executors=_executors(connection),
        triggers=_triggers(connection),
        grants=_grants(connection),
        sequences=_sequences(connection),
        row_policies=_row_policies(connection),
        continuous_aggregates=_continuous_aggregates(connection),
        policies=_policies(connection),
        columnstores=_columnstores(connection),
        roles=roles,
        own_attributes=roles[connection.scalar(text("select current_user"))].attributes,
        connectable=_connectable(connection),
        executable=_executable(connection),
        delegable=_delegable(connection),
    )
    state.with_rows = {
        table for table in tables if table in relations and _has_rows(connection, table, state)
    }
    return state


def _by_table(
    connection: Connection, query: str, value: Callable[[Row], Any]
) -> dict[str, dict[str, Any]]:
    """Table -> name -> value, of a query with the columns ``table`` and ``name``."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(text(query)):
        found[row.table][row.name] = value(row)
    return found


# The names of tables as they are declared, with the schema where that is not public: of a pg_class,
# and of a view of TimescaleDB's.
NAME = (
    "case {0}.relnamespace when 'public'::regnamespace then '' else 'datasets.' end || {0}.relname"
)
NAMED = "case {0}_schema when 'public' then '' else 'datasets.' end || {0}_name"
PARTS = {
    "sql_c": NAME.format("c"),
    "sql_t": NAME.format("t"),
    "sql_hypertable": NAMED.format("hypertable"),
    "sql_view": NAMED.format("view"),
    # The schemas whose tables are declared, in hypertables.yaml and as datasets.
    "sql_ours": "('public'::regnamespace, to_regnamespace('datasets'))",
    "sql_schemas": "('public', 'datasets')",
}

RELATIONS = fill(
    """
select {sql_c} as name, c.relrowsecurity as row_security,
       obj_description(c.oid, 'pg_class') as comment,
       (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
  from pg_class c
 where c.relnamespace in {sql_ours} and c.relkind in ('r', 'p', 'v')
""",
    **PARTS,
)


def _relations(connection: Connection) -> dict[str, Relation]:
    return {
        row.name: Relation(row.row_security, row.comment, tuple(row.columns or ()))
        for row in connection.execute(text(RELATIONS))
    }


DIMENSIONS = fill(
    """
select {sql_hypertable} as name,
       column_name as column, dimension_type = 'Time' as is_time,
       time_interval as width, num_partitions as count
  from timescaledb_information.dimensions where hypertable_schema in {sql_schemas}
 order by dimension_number
""",
    **PARTS,
)


def _hypertables(connection: Connection) -> dict[str, Dimensions]:
    found: dict[str, Dimensions] = {}
    for row in connection.execute(text(DIMENSIONS)):
        if row.is_time:
            found[row.name] = Dimensions(row.column, row.width, None)
        else:
            found[row.name] = replace(found[row.name], partition=(row.column, row.count))
    return found


# In seconds since 1970: a chunk may begin before the first time that Python has, and need not end.
CHUNKS = fill(
    """
select {sql_hypertable} as table,
       array_agg(format('%I.%I', chunk_schema, chunk_name) order by range_start) as names,
       array_agg(extract(epoch from range_start)::float8 order by range_start) as starts,
       array_agg(extract(epoch from range_end)::float8 order by range_start) as ends,
       bool_or(is_compressed) as in_columnstore
  from timescaledb_information.chunks
 where hypertable_schema in {sql_schemas} and range_start is not null group by 1
""",
    **PARTS,
)


def _chunks(connection: Connection) -> tuple[dict[str, list[Chunk]], set[str]]:
    """Table -> its chunks in order of time; and the tables with one in the columnstore."""
    rows = connection.execute(text(CHUNKS)).all()
    found: dict[str, list[Chunk]] = defaultdict(list)
    for row in rows:
        found[row.table] = list(map(Chunk, row.names, row.starts, row.ends))
    return found, {row.table for row in rows if row.in_columnstore}


HAS_ROWS = "select exists (select from {sql_relation})"


def _has_rows(connection: Connection, table: str, state: State) -> bool:
    # Chunk by chunk up to the first with rows: a plan over all of thousands takes seconds.
    relations = [chunk.name for chunk in reversed(state.chunks[table])]
    if table not in state.hypertables:
        relations = [relation(table)]
    return any(
        connection.exec_driver_sql(fill(HAS_ROWS, sql_relation=relation)).scalar()
        for relation in relations
    )


OLDEST_BUCKET = "select extract(epoch from min(bucket))::float8 from {name:relation}"


def _oldest_buckets(
    connection: Connection, relations: dict[str, Relation]
) -> dict[str, float | None]:
    return {
        name: connection.exec_driver_sql(fill(OLDEST_BUCKET, name=name)).scalar()
        for name, relation in relations.items()
        if is_rollup(relation) and "bucket" in relation.columns
    }


BOUNDS = fill(
    """
select {sql_t} as table, k.conname as name,
       k.convalidated as validated, d.description as comment
  from pg_constraint k
  join pg_class t on t.oid = k.conrelid
  join pg_description d on d.objoid = k.oid and d.classoid = 'pg_constraint'::regclass
 where t.relnamespace in {sql_ours} and k.contype = 'c'
   and d.description like 'timestack bounds: %'
""",
    **PARTS,
)


def _bounds(connection: Connection) -> dict[str, dict[str, Check]]:
    return _by_table(connection, BOUNDS, lambda row: Check(row.comment, row.validated))


INDEXES = fill(
    """
select {sql_t} as table, i.relname as name, x.indisunique as unique,
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
 where t.relnamespace in {sql_ours}
""",
    **PARTS,
)


def _indexes(connection: Connection) -> dict[str, dict[str, Index]]:
    def index(row: Row) -> Index:
        columns = tuple(row.columns) if row.plain else None
        return Index(columns, row.unique, row.constraint, row.definition)

    return _by_table(connection, INDEXES, index)


FUNCTIONS = """
select p.proname as name, case when p.prosecdef then p.prosrc end as body
  from pg_proc p where p.pronamespace = to_regnamespace('timestack')
"""


def _functions(connection: Connection) -> dict[str, str | None]:
    return {row.name: row.body for row in connection.execute(text(FUNCTIONS))}


EXECUTE = """
select p.proname as name,
       case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as role
  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 where p.pronamespace = to_regnamespace('timestack') and a.grantee <> p.proowner
"""


def _executors(connection: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(text(EXECUTE)):
        found[row.name].add(row.role)
    return found


TRIGGERS = fill(
    """
select {sql_t} as table, g.tgname as name, g.tgenabled = 'O' as enabled,
       p.proname as function, encode(g.tgargs, 'escape') as arguments
  from pg_trigger g
  join pg_class t on t.oid = g.tgrelid
  join pg_proc p on p.oid = g.tgfoid
 where t.relnamespace in {sql_ours} and not g.tgisinternal
   and p.pronamespace <> to_regnamespace('_timescaledb_functions')
""",
    **PARTS,
)


def _triggers(connection: Connection) -> dict[str, dict[str, Trigger]]:
    def trigger(row: Row) -> Trigger:
        arguments = tuple(row.arguments.removesuffix("\\000").split("\\000"))
        return Trigger(row.function, arguments, row.enabled)

    return _by_table(connection, TRIGGERS, trigger)


GRANTS = fill(
    """
select {sql_c} as table, lower(a.privilege_type) as privilege,
       case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as role
  from pg_class c, aclexplode(c.relacl) a
 where c.relnamespace in {sql_ours} and c.relkind in ('r', 'p', 'v', 'S')
   and a.grantee <> c.relowner
""",
    **PARTS,
)


def _grants(connection: Connection) -> dict[str, dict[str, set[str]]]:
    """Table or sequence -> role -> its privileges there."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in connection.execute(text(GRANTS)):
        found[row.table][row.role].add(row.privilege)
    return found


# What numbers a column: its own, which goes with the table.
SEQUENCES = """
select s.relname as name, t.relname as table
  from pg_depend d
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_class t on t.oid = d.refobjid
 where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
   and d.deptype in ('a', 'i') and s.relnamespace = 'public'::regnamespace
"""


def _sequences(connection: Connection) -> dict[str, str]:
    return {row.name: row.table for row in connection.execute(text(SEQUENCES))}


ROW_POLICIES = """
select tablename as table, policyname as name, roles::text[] as roles, lower(cmd) as command,
       qual as using, with_check as check
  from pg_policies where schemaname = 'public'
"""


def _row_policies(connection: Connection) -> dict[str, dict[str, RowPolicy]]:
    def policy(row: Row) -> RowPolicy:
        return RowPolicy(frozenset(row.roles), row.command, row.using, row.check)

    return _by_table(connection, ROW_POLICIES, policy)


CONTINUOUS_AGGREGATES = fill(
    """
select {sql_view} as name, materialized_only
  from timescaledb_information.continuous_aggregates
 where view_schema in {sql_schemas}
""",
    **PARTS,
)


def _continuous_aggregates(connection: Connection) -> dict[str, bool]:
    found = connection.execute(text(CONTINUOUS_AGGREGATES))
    return {row.name: row.materialized_only for row in found}


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


def _policies(connection: Connection) -> dict[tuple[str, str], Policy]:
    """Table and kind -> the policy."""
    found = {}
    for row in connection.execute(text(POLICIES)):
        config = {key: _interval(value) for key, value in (row.config or {}).items()}
        if row.kind == REFRESH:
            config = {"start_offset": None, "end_offset": None, **config}
        found[row.table, row.kind] = Policy(config, _interval(row.every))
    return found


def _interval(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(seconds))


COLUMNSTORES = fill(
    """
select {sql_c} as table, coalesce(s.segmentby, '') as segment_by,
       coalesce(s.orderby, '') as order_by
  from timescaledb_information.hypertable_columnstore_settings s
  join pg_class c on c.oid = s.hypertable
 where s.segmentby is not null or s.orderby is not null
""",
    **PARTS,
)


def _columnstores(connection: Connection) -> dict[str, tuple[str, str]]:
    """Table -> the columns that its columnstore segments and orders by, as a plan writes them."""

    def listed(columns: str) -> str:
        # "time" DESC,usage -> time DESC, usage
        return ", ".join(columns.replace('"', "").split(","))

    return {
        row.table: (listed(row.segment_by), listed(row.order_by))
        for row in connection.execute(text(COLUMNSTORES))
    }


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


def _roles(connection: Connection) -> dict[str, Role]:
    return {
        row.name: Role(
            row.login,
            frozenset(row.attributes),
            frozenset(row.member_of),
            frozenset(row.settings or ()),
        )
        for row in connection.execute(text(ROLES))
    }


CONNECTABLE = """
select rolname as name from pg_roles
 where has_database_privilege(oid, current_database(), 'connect')
   and has_schema_privilege(oid, 'public', 'usage')
"""


def _connectable(connection: Connection) -> set[str]:
    return set(connection.scalars(text(CONNECTABLE)))


# Of the server's functions, those that a role is declared to execute, as it is declared:
# PostgreSQL's own without a schema, and those of timestack_server with theirs.
SIGNATURE = """concat(nullif(n.nspname, 'pg_catalog') || '.', p.proname, '(',
              oidvectortypes(p.proargtypes), ')')"""
DECLARED_FUNCTIONS = fill(
    "{sql_signature} in ({sql_names})",
    sql_signature=SIGNATURE,
    sql_names=", ".join(map(literal, HANDED_ON)),
)
EXECUTABLE = fill(
    """
select pg_get_userbyid(a.grantee) as role,
       array_agg({sql_signature}) as functions
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace, aclexplode(p.proacl) a
 where {sql_declared} and a.grantee <> 0
 group by 1
""",
    sql_signature=SIGNATURE,
    sql_declared=DECLARED_FUNCTIONS,
)


def _executable(connection: Connection) -> dict[str, set[str]]:
    return {row.role: set(row.functions) for row in connection.execute(text(EXECUTABLE))}


# What the role that asks may hand on; a managed server may keep some of it to itself.
DELEGABLE = fill(
    """
select {sql_signature} as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where {sql_declared}
   and has_function_privilege(p.oid, 'execute with grant option')
 union all
select rolname from pg_roles
 where rolname like 'pg\\_%' and pg_has_role(oid, 'member with admin option')
""",
    sql_signature=SIGNATURE,
    sql_declared=DECLARED_FUNCTIONS,
)


def _delegable(connection: Connection) -> set[str]:
    return set(connection.scalars(text(DELEGABLE)))
