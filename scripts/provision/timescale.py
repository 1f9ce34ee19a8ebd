"""Rollups, columnstore and retention on the Community edition: TimescaleDB's own.

Rollups are hierarchical continuous aggregates with a refresh policy. They are materialized only:
``series.query`` itself adds newer rows, the same way on both editions. Written for
TimescaleDB >= 2.18, which has the columnstore functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scripts.provision.aggregates import Level, levels
from scripts.provision.functions import Function
from scripts.provision.rollups import lost
from scripts.provision.state import Policy, State, Trigger
from scripts.provision.steps import Step
from timestack.series.catalog import Catalog, Hypertable, descends, name_of
from timestack.series.functions import RUN_REFRESH_POLICY
from timestack.series.policies import JOBS, REFRESH
from timestack.series.sql import fill, interval_text, literal, quote, regclass

# As often as the workers refresh on the other edition.
EVERY = timedelta(minutes=5)

CREATE_ROLLUP = """create materialized view {table:relation}
  with (timescaledb.continuous, timescaledb.materialized_only = true) as
{sql_select}
  with no data"""

# Only a job's owner may alter it; this lets the application have a refresh run now.
RUN_POLICY = fill(
    """
declare
  job integer;
begin
  select job_id into job from {sql_jobs}
   where "table" = rollup and proc_name = {sql_refresh};
  if job is null then
    raise exception 'rollup % has no refresh policy: run make apply', rollup;
  end if;
  perform alter_job(job, next_start => clock_timestamp());
  return job;
end
""",
    sql_jobs=JOBS,
    sql_refresh=literal(REFRESH),
)


def functions(catalog: Catalog, state: State) -> Iterator[Function]:
    """The one function that the application needs here."""
    if any(table.rollups for table in catalog.hypertables.values()):
        yield Function(RUN_REFRESH_POLICY, "rollup text", "integer", RUN_POLICY)


def triggers(table: Hypertable) -> dict[str, tuple[str, Trigger]]:
    """None: TimescaleDB itself logs changes under a continuous aggregate."""
    return {}


def create_rollup(level: Level) -> tuple[str, ...]:
    """Statements that make one level, empty."""
    return (
        fill(CREATE_ROLLUP, table=level.table, sql_select=level.select()),
        fill(
            "comment on view {table:relation} is {sql_text}",
            table=level.table,
            sql_text=literal(level.comment),
        ),
    )


def same_rollup(level: Level, state: State) -> bool:
    """Whether the level's continuous aggregate is there as it was made."""
    relation = state.relations[level.table]
    return (
        level.table in state.continuous_aggregates
        and (relation.comment == level.comment or _may_stay(level, state))
        and relation.columns == level.columns
    )


def _may_stay(level: Level, state: State) -> bool:
    """Whether a level from before NaN and infinities were left out need not be made again.

    The bounds refuse new ones; where some exist, making it again must lose no other bucket.
    """
    former = state.relations[level.table].comment == level.former_comment
    found = any((level.hypertable_name, value) in state.outside for value in level.rollup.values)
    return former and (not found or bool(lost(level, state)))


def rollup_details(level: Level, state: State) -> Iterator[Step]:
    """What may have been altered of an existing level: whether it is materialized only."""
    if not state.continuous_aggregates[level.table]:
        yield Step(
            "change",
            f"rollup {level.table}",
            "materialized only",
            (
                fill(
                    "alter materialized view {table:relation} "
                    "set (timescaledb.materialized_only = true)",
                    table=level.table,
                ),
            ),
        )


def fill_rollups(name: str, table: Hypertable, remade: list[str]) -> Iterator[Step]:
    """Compute new rollups from all rows, each after the level below it."""
    for rollup in remade:
        yield Step(
            "change",
            f"rollup {rollup}",
            "computed from all rows",
            (
                fill(
                    "call refresh_continuous_aggregate({sql_name}, null, null)",
                    sql_name=regclass(rollup),
                ),
            ),
            transactional=False,
        )


def policies(catalog: Catalog, state: State) -> Iterator[Step]:
    """Steps to the declared refresh, columnstore and retention policies."""
    for name, table in catalog.hypertables.items():
        for level in levels(name, table):
            yield from _refresh(level, state)
        yield from _columnstore(name, table, state)
        yield from _retention(name, table, state)
    yield from _undeclared(catalog, state)


def _undeclared(catalog: Catalog, state: State) -> Iterator[Step]:
    """Policies left on hypertables that are no longer in the file would go on dropping rows."""
    procedures = {
        "policy_retention": "select remove_retention_policy({sql_name})",
        "policy_compression": "call remove_columnstore_policy({sql_name})",
    }
    for table, kind in sorted(state.policies):
        if kind in procedures and table not in catalog.hypertables:
            statement = fill(procedures[kind], sql_name=regclass(table))
            yield Step("drop", f"{kind.replace('_', ' ')} of {table}", "not declared", (statement,))


def _refresh(level: Level, state: State) -> Iterator[Step]:
    lateness = level.hypertable.lateness
    # The bucket that is still filling is left to series.query.
    wanted = Policy({"start_offset": lateness, "end_offset": level.width}, EVERY)
    actual = state.policies.get((level.table, REFRESH))
    if actual == wanted:
        return
    name = regclass(level.table)
    remove = fill("select remove_continuous_aggregate_policy({sql_name})", sql_name=name)
    add = fill(
        "select add_continuous_aggregate_policy({sql_name}, start_offset => {sql_start}, "
        "end_offset => {sql_end}, schedule_interval => {sql_every})",
        sql_name=name,
        sql_start=literal(lateness) if lateness else "null",
        sql_end=literal(level.width),
        sql_every=literal(EVERY),
    )
    since = f"back to {interval_text(lateness)}" if lateness else "however old"
    yield Step(
        "change" if actual else "create",
        f"refresh policy of {level.table}",
        f"every {interval_text(EVERY)}, changes {since}",
        (remove, add) if actual else (add,),
    )


def _columnstore(name: str, table: Hypertable, state: State) -> Iterator[Step]:
    sql_name = regclass(name)
    settings = state.columnstores.get(name)
    actual = state.policies.get((name, "policy_compression"))
    remove = fill("call remove_columnstore_policy({sql_name})", sql_name=sql_name)
    declared = table.columnstore
    if declared is None:
        if actual:
            yield Step("drop", f"columnstore policy of {name}", "not declared", (remove,))
        return
    order = declared.order_by or []
    if table.time not in {*declared.segment_by, *map(name_of, order)}:
        # What TimescaleDB does by itself.
        order = [*order, f"{table.time} desc"]
    directed = [(name_of(column), " DESC" if descends(column) else "") for column in order]
    segment_by = ", ".join(declared.segment_by)
    order_by = ", ".join(column + direction for column, direction in directed)
    if settings != (segment_by, order_by):
        yield Step(
            "change" if settings else "create",
            f"columnstore of {name}",
            f"segments by ({segment_by}), order by ({order_by}), for chunks converted from now on",
            (
                fill(
                    "alter table {name:relation} set (timescaledb.enable_columnstore = true, "
                    "timescaledb.segmentby = {sql_segment}, timescaledb.orderby = {sql_order})",
                    name=name,
                    sql_segment=literal(", ".join(map(quote, declared.segment_by))),
                    sql_order=literal(
                        ", ".join(quote(column) + direction for column, direction in directed)
                    ),
                ),
            ),
        )
    if actual is None or actual.config != {"compress_after": declared.after}:
        add = fill(
            "call add_columnstore_policy({sql_name}, after => {sql_after})",
            sql_name=sql_name,
            sql_after=literal(declared.after),
        )
        yield Step(
            "change" if actual else "create",
            f"columnstore policy of {name}",
            f"chunks older than {interval_text(declared.after)}",
            (remove, add) if actual else (add,),
        )


def _retention(name: str, table: Hypertable, state: State) -> Iterator[Step]:
    sql_name = regclass(name)
    actual = state.policies.get((name, "policy_retention"))
    remove = fill("select remove_retention_policy({sql_name})", sql_name=sql_name)
    if table.retention is None:
        if actual:
            yield Step("drop", f"retention policy of {name}", "not declared", (remove,))
        return
    if actual and actual.config == {"drop_after": table.retention}:
        return
    add = fill(
        "select add_retention_policy({sql_name}, drop_after => {sql_after})",
        sql_name=sql_name,
        sql_after=literal(table.retention),
    )
    yield Step(
        "change" if actual else "create",
        f"retention policy of {name}",
        f"chunks older than {interval_text(table.retention)} are dropped",
        (remove, add) if actual else (add,),
        destructive=state.expired(name, table.retention),
    )


def notes(catalog: Catalog) -> Iterator[str]:
    """None: this edition has all that the file can declare."""
    return iter(())
