"""Differences on the Community edition, from a state that is made up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scripts.provision import bounds, rollups, timescale
from scripts.provision.aggregates import levels
from scripts.provision.state import Chunk, Policy, Relation, State
from timestack.series import catalog
from timestack.series.policies import REFRESH


def declared(*lines: str) -> catalog.Catalog:
    head = "hypertables:\n  cpu:\n    time: time\n    chunk_interval: 1 day\n"
    return catalog.parse(head + "".join(f"    {line}\n" for line in lines))


ROLLUPS = declared("rollups: [{keys: [host], values: [usage], levels: [1 hour, 1 day]}]")


def as_applied() -> State:
    """What apply leaves behind of ROLLUPS."""
    state = State("timescale")
    for level in levels("cpu", ROLLUPS.hypertables["cpu"]):
        state.relations[level.table] = Relation(False, level.comment, level.columns)
        state.continuous_aggregates[level.table] = True
        offsets = {"start_offset": None, "end_offset": level.width}
        state.policies[level.table, REFRESH] = Policy(offsets, timescale.EVERY)
    for function in timescale.functions(ROLLUPS, state):
        state.functions[function.name] = function.body
        state.executors[function.name] = {function.executor}
    return state


def statements(catalog: catalog.Catalog, state: State) -> list[str]:
    steps = rollups.diff(catalog, state, timescale)
    return [statement for step in steps for statement in step.statements]


def test_what_was_applied_is_no_difference() -> None:
    assert statements(ROLLUPS, as_applied()) == []


def test_a_rollup_that_is_made_again_has_lost_its_policy_and_so_have_those_above() -> None:
    state = as_applied()
    below = state.relations["cpu_1h"]
    state.relations["cpu_1h"] = Relation(False, "timestack rollup of cpu: another", below.columns)
    found = statements(ROLLUPS, state)
    for table in ("cpu_1h", "cpu_1d"):
        dropped = found.index(f'drop materialized view if exists public."{table}" cascade')
        added = [f"add_continuous_aggregate_policy('public.{table}'" in each for each in found]
        assert added.index(True) > dropped
    assert not any("remove_continuous_aggregate_policy" in each for each in found)


def test_a_policy_that_was_altered_is_made_again() -> None:
    state = as_applied()
    state.policies["cpu_1d", REFRESH] = Policy(
        {"start_offset": timedelta(days=3), "end_offset": timedelta(days=1)}, timescale.EVERY
    )
    remove, add = statements(ROLLUPS, state)
    assert remove == "select remove_continuous_aggregate_policy('public.cpu_1d')"
    assert add.startswith("select add_continuous_aggregate_policy('public.cpu_1d'")


@pytest.mark.parametrize(
    ("lines", "order"),
    [
        ("", '"time" DESC'),
        (", order_by: [usage]", '"usage", "time" DESC'),
        (", order_by: [time, usage desc]", '"time", "usage" DESC'),
    ],
    ids=["default", "without the time", "with the time"],
)
def test_the_order_of_the_columnstore_holds_the_time_which_timescaledb_adds(
    lines: str, order: str
) -> None:
    columns = declared(f"columnstore: {{after: 7 days, segment_by: [host]{lines}}}")
    state = State("timescale")
    change, _ = statements(columns, state)
    assert f"timescaledb.segmentby = '\"host\"', timescaledb.orderby = '{order}'" in change
    # As the view gives it back.
    state.columnstores["cpu"] = ("host", order.replace('"', ""))
    state.policies["cpu", "policy_compression"] = Policy(
        {"compress_after": timedelta(days=7)}, timedelta(hours=12)
    )
    assert statements(columns, state) == []


def test_a_level_from_before_nan_was_left_out_is_made_again_only_where_there_is_one() -> None:
    def found(oldest_bucket: float, outside: set[tuple[str, str]]) -> list[str]:
        state = as_applied()
        for level in levels("cpu", ROLLUPS.hypertables["cpu"]):
            state.relations[level.table] = Relation(False, level.former_comment, level.columns)
            state.oldest_bucket[level.table] = oldest_bucket
        state.chunks["cpu"] = [Chunk("public.chunk", 0, 86400)]
        state.outside = outside
        return statements(ROLLUPS, state)

    assert found(0, set()) == []
    again = found(0, {("cpu", "usage")})
    assert 'drop materialized view if exists public."cpu_1h" cascade' in again
    # Where rows are gone it stays: a bucket with a NaN is less than a bucket that is lost.
    assert found(-86400 * 9, {("cpu", "usage")}) == []


def test_days_of_a_time_zone_are_buckets_of_the_aggregate() -> None:
    lines = "rollups: [{keys: [host], values: [usage], levels: [1 hour, 1 day], timezone: %s}]"
    paris, kolkata = (
        [
            text
            for text in statements(declared(lines % zone), State("timescale"))
            if "create materialized view" in text
        ]
        for zone in ("Europe/Paris", "Asia/Kolkata")
    )
    for hourly, daily in (paris, kolkata):
        assert "time_bucket(interval '1 hour', \"time\") as bucket" in hourly
        assert "time_bucket(interval '1 day', \"" in daily
    assert "time_bucket(interval '1 day', \"bucket\", 'Europe/Paris') as bucket" in paris[1]
    # Its midnight is within an hour of UTC.
    assert "time_bucket(interval '1 day', \"time\", 'Asia/Kolkata') as bucket" in kolkata[1]


def test_a_policy_left_on_a_table_that_is_no_longer_declared_is_removed() -> None:
    state = as_applied()
    every = timedelta(days=1)
    state.policies["gone", "policy_retention"] = Policy({"drop_after": every}, every)
    state.policies["gone", "policy_compression"] = Policy({"compress_after": every}, every)
    assert statements(ROLLUPS, state) == [
        "call remove_columnstore_policy('public.gone')",
        "select remove_retention_policy('public.gone')",
    ]


def test_bounds_wait_while_rows_in_the_columnstore_are_outside() -> None:
    catalog = declared("bounds: {usage: [0, 100]}")
    state = State("timescale")
    (step,) = bounds.diff(catalog, state)
    assert step.statements[1] == (
        'alter table public."cpu" add constraint "cpu_usage_bounds"'
        ' check ("usage" >= 0 and "usage" <= 100)'
    )
    state.outside = {("cpu", "usage")}
    (step,) = bounds.diff(catalog, state)
    assert step.statements[1].endswith(" not valid")
    state.in_columnstore = {"cpu"}
    assert list(bounds.diff(catalog, state)) == []
    (note,) = bounds.notes(catalog, state)
    assert "not refused until" in note
