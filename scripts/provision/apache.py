"""Rollups and retention on the Apache-2 edition: hypertables, functions and triggers of our own.

Every function runs as the owner, so that the application needs no right to write a rollup: it may
only execute them.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.provision.aggregates import Level, levels
from scripts.provision.functions import Function
from scripts.provision.hypertables import create_index
from scripts.provision.state import State, Trigger
from scripts.provision.steps import Step
from timestack.series import functions as names
from timestack.series.catalog import Catalog, Hypertable
from timestack.series.sql import fill, finite, interval_text, literal, regclass

# Rollup rows are fewer than the rows they stand for, so a chunk of them spans more time.
CHUNKS = 10

RECORD_CHANGE = """
declare
  width interval := tg_argv[1];
  source text := case tg_op
    when 'UPDATE' then '(table written union all table replaced) as changed' else 'written' end;
  source_name text := case tg_table_schema when 'public' then '' else tg_table_schema || '.' end
    || tg_table_name;
  touched tstzmultirange;
begin
  if tg_op = 'TRUNCATE' then
    touched := '{(,)}';
  else
    execute format('select range_agg(tstzrange(bucket, bucket + $1)) from '
                   '(select distinct time_bucket($1, %I) from %s) as buckets(bucket)',
                   tg_argv[0], source)
       into touched using width;
  end if;
  if touched is not null then
    insert into timestack.changes (table_name, ranges) values (source_name, touched);
  end if;
  return null;
end
"""

# What is older than `since` stays recorded, for a full refresh.
TAKE_CHANGES = """
declare
  everything tstzmultirange;
  older tstzmultirange;
begin
  perform pg_advisory_xact_lock(hashtext('timestack.changes'), hashtext(source));
  with taken as (delete from timestack.changes where table_name = source returning ranges)
  select range_agg(span) into everything from taken, unnest(ranges) as span;
  older := everything * tstzmultirange(tstzrange(null, since));
  if since is not null and not isempty(older) then
    insert into timestack.changes (table_name, ranges) values (source, older);
    everything := everything - older;
  end if;
  return nullif(everything, '{}');
end
"""

REFRESH = """
declare
  span tstzrange;
  since timestamptz;
  until timestamptz;
  written bigint;
  total bigint := 0;
begin
  {sql_clip}for span in
    select unnest(range_agg(tstzrange(
             {sql_first},
             {sql_next})))
      from unnest(spans) as touched
  loop
    since := coalesce(lower(span), '-infinity');
    until := coalesce(upper(span), 'infinity');
    delete from {table:relation} where bucket >= since and bucket < until;
    insert into {table:relation} ({columns})
    {sql_select}
     order by {sql_order};
    get diagnostics written = row_count;
    total := total + written;
  end loop;
  return total;
end
"""
# Buckets older than the retention have lost rows: computing them again would lose the buckets too.
CLIP = "spans := spans * tstzmultirange(tstzrange({sql_next}, null));\n  "

LOOK_AGAIN = """
insert into timestack.changes (table_name, ranges)
select {sql_name}, '{{(,)}}' where exists (select from {table:relation} where not ({sql_finite}))
"""

DROP_EXPIRED = """
  select count(*) from drop_chunks({sql_name}, older_than => now() - {sql_retention})
"""

EVENTS = {
    "timestack_insert": "after insert on {table:relation} referencing new table as written",
    "timestack_update": "after update on {table:relation} "
    "referencing old table as replaced new table as written",
    "timestack_delete": "after delete on {table:relation} referencing old table as written",
    "timestack_truncate": "after truncate on {table:relation}",
}


def refresh_body(level: Level) -> str:
    clip = ""
    if level.hypertable.retention:
        clip = fill(CLIP, sql_next=level.after(f"now() - {literal(level.hypertable.retention)}"))
    # An infinite time is in no bucket.
    where = fill(
        "where {time} >= since and {time} < until and isfinite({time})", time=level.source_time
    )
    return fill(
        REFRESH,
        sql_clip=clip,
        sql_first=level.bucket("lower(touched)"),
        sql_next=level.after("upper(touched) - interval '1 microsecond'"),
        table=level.table,
        columns=level.columns,
        sql_select=level.select(where).replace("\n", "\n    "),
        # A chart reads many buckets of one key: written side by side, they share pages.
        sql_order=", ".join([*(fill("{key}", key=key) for key in level.rollup.keys), "1"]),
    )


def functions(catalog: Catalog, state: State) -> Iterator[Function]:
    """The functions that keep the declared rollups and retentions."""
    if any(table.rollups for table in catalog.hypertables.values()):
        # Only the trigger runs it, and that needs no grant.
        yield Function("record_change", "", "trigger", RECORD_CHANGE, executor=None)
        yield Function(
            names.TAKE_CHANGES, "source text, since timestamptz", "tstzmultirange", TAKE_CHANGES
        )
    for name, table in catalog.hypertables.items():
        for level in levels(name, table):
            yield Function(
                names.refresh(level.table),
                "spans tstzmultirange",
                "bigint",
                refresh_body(level),
                # The bounds decide which chunks are read, so a plan is made for each.
                settings="set plan_cache_mode = force_custom_plan",
            )
        if table.retention:
            body = fill(
                DROP_EXPIRED,
                sql_name=regclass(name),
                sql_retention=literal(table.retention),
            )
            yield Function(
                names.drop_expired(name),
                "",
                "bigint",
                body,
                language="sql",
                destructive=state.expired(name, table.retention),
            )


def triggers(table: Hypertable) -> dict[str, tuple[str, Trigger]]:
    """Name -> event, and the entry in the system catalogs, for each trigger of a table."""
    if not table.rollups:
        return {}
    # The finest bucket is the least that a refresh computes again.
    finest = min(rollup.levels[0] for rollup in table.rollups)
    trigger = Trigger("record_change", (table.time, interval_text(finest)), enabled=True)
    return {name: (event, trigger) for name, event in EVENTS.items()}


def create_rollup(level: Level) -> tuple[str, ...]:
    """Statements that make one level's table, empty."""
    return (
        fill(
            "create table {table:relation} as\n{sql_select}\n  with no data",
            table=level.table,
            sql_select=level.select(),
        ),
        fill("alter table {table:relation} alter bucket set not null", table=level.table),
        fill(
            "select create_hypertable({sql_name}, by_range('bucket', {sql_chunk}), "
            "create_default_indexes => false)",
            sql_name=regclass(level.table),
            sql_chunk=literal(level.hypertable.chunk_interval * CHUNKS),
        ),
        *(create_index(level.table, columns, unique) for columns, unique in rollup_indexes(level)),
        _describe(level),
    )


def _describe(level: Level) -> str:
    return fill(
        "comment on table {table:relation} is {sql_text}",
        table=level.table,
        sql_text=literal(level.comment),
    )


def _look_again(level: Level) -> str:
    """Compute the rollups from all rows again if NaN or an infinity was counted in one."""
    return fill(
        LOOK_AGAIN,
        sql_name=literal(level.hypertable_name),
        table=level.hypertable_name,
        sql_finite=" and ".join(f"({finite(value)})" for value in level.rollup.values),
    )


def rollup_indexes(level: Level) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """Columns and uniqueness of a level's indexes: its key, and its time for all keys."""
    if not level.rollup.keys:
        return ((("bucket desc",), True),)
    return (((*level.rollup.keys, "bucket desc"), True), (("bucket desc",), False))


def same_rollup(level: Level, state: State) -> bool:
    """Whether the level's table exists as it was made."""
    relation = state.relations[level.table]
    return (
        level.table in state.hypertables
        and level.table not in state.continuous_aggregates
        and relation.comment in (level.comment, level.former_comment)
        and relation.columns == level.columns
    )


def rollup_details(level: Level, state: State) -> Iterator[Step]:
    """What an existing level may lack: its indexes, a check for NaN and infinities."""
    if state.relations[level.table].comment != level.comment:
        yield Step(
            "change",
            f"rollup {level.table}",
            "without NaN and infinities; computed again at the next refresh where there are any",
            (_describe(level), _look_again(level)),
        )
    actual = {(index.columns, index.unique) for index in state.indexes[level.table].values()}
    for columns, unique in rollup_indexes(level):
        if (columns, unique) not in actual:
            yield Step(
                "create",
                f"index on {level.table}",
                f"({', '.join(columns)})",
                (create_index(level.table, columns, unique),),
            )


def fill_rollups(name: str, table: Hypertable, remade: list[str]) -> Iterator[Step]:
    """Have new rollups computed from all rows: as if every row had changed."""
    yield Step(
        "change",
        f"rollups of {name}",
        "computed from all rows at the next refresh",
        (
            fill(
                "insert into timestack.changes (table_name, ranges) values ({sql_name}, '{{(,)}}')",
                sql_name=literal(name),
            ),
        ),
    )


def policies(catalog: Catalog, state: State) -> Iterator[Step]:
    """None: the workers keep rollups and retention here, by the functions above."""
    return iter(())


def notes(catalog: Catalog) -> Iterator[str]:
    """What the file declares and this edition lacks."""
    for name, table in catalog.hypertables.items():
        if table.columnstore:
            yield f"columnstore of {name}: only the Community edition has it; left out"
