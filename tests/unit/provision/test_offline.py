"""What would run on the Community edition, statement by statement."""

from __future__ import annotations

import re

import pytest

from scripts.provision import __main__ as cli
from scripts.provision import plan as planning
from timestack.series import catalog

DECLARED = catalog.parse(
    """
hypertables:
  cpu:
    time: time
    chunk_interval: 1 day
    partition: {column: host, count: 4}
    unique: [host, time desc]
    indexes: [[time desc]]
    columnstore: {after: 7 days, segment_by: [host], order_by: [time desc, usage]}
    retention: 90 days
    lateness: 7 days
    rollups:
      - keys: [host]
        values: [usage]
        levels: [1 minute, 1 hour, 1 day]
      - keys: []
        values: [usage]
        levels: [1 hour]
    grants: {timestack_readonly: [select]}
  plain:
    time: at
    chunk_interval: 7 days
"""
)


def statements(edition: str) -> list[str]:
    """Each statement in order, its white space made single."""
    plan = planning.offline(DECLARED, edition)
    return [re.sub(r"\s+", " ", text) for step in plan.steps for text in step.statements]


FINITE = 'filter (where "usage" >= -1e300 and "usage" <= 1e300)'
TIMESCALE = {
    "hypertable": (
        "select create_hypertable('public.cpu', by_range('time', interval '1 day'), "
        "create_default_indexes => false, migrate_data => true)"
    ),
    "hash partition": "select add_dimension('public.cpu', by_hash('host', 4))",
    "unique key": ('create unique index "cpu_host_time_key" on public."cpu" ("host", "time" desc)'),
    "index": 'create index "cpu_time_idx" on public."cpu" ("time" desc)',
    "continuous aggregate": (
        'create materialized view public."cpu_1m" '
        "with (timescaledb.continuous, timescaledb.materialized_only = true) as "
        'select time_bucket(interval \'1 minute\', "time") as bucket, "host", count(*) as n, '
        f'count("usage") {FINITE} as "usage_n", sum("usage") {FINITE} as "usage_sum", '
        f'min("usage") {FINITE} as "usage_min", max("usage") {FINITE} as "usage_max", '
        f'first("usage", "time") {FINITE} as "usage_first", '
        f'last("usage", "time") {FINITE} as "usage_last" '
        'from public."cpu" group by time_bucket(interval \'1 minute\', "time"), "host" with no data'
    ),
    "continuous aggregate on the one below": (
        'create materialized view public."cpu_1h" '
        "with (timescaledb.continuous, timescaledb.materialized_only = true) as "
        'select time_bucket(interval \'1 hour\', "bucket") as bucket, "host", '
        'sum(n)::bigint as n, sum("usage_n")::bigint as "usage_n", '
        'sum("usage_sum") as "usage_sum", min("usage_min") as "usage_min", '
        'max("usage_max") as "usage_max", '
        'first("usage_first", "bucket") filter (where "usage_first" is not null) as "usage_first", '
        'last("usage_last", "bucket") filter (where "usage_last" is not null) as "usage_last" '
        'from public."cpu_1m" group by time_bucket(interval \'1 hour\', "bucket"), "host" '
        "with no data"
    ),
    "total over all keys": (
        'create materialized view public."cpu_total_1h" '
        "with (timescaledb.continuous, timescaledb.materialized_only = true) as "
        "select time_bucket(interval '1 hour', \"time\") as bucket, count(*) as n, "
        f'count("usage") {FINITE} as "usage_n", sum("usage") {FINITE} as "usage_sum", '
        f'min("usage") {FINITE} as "usage_min", max("usage") {FINITE} as "usage_max", '
        f'first("usage", "time") {FINITE} as "usage_first", '
        f'last("usage", "time") {FINITE} as "usage_last" '
        'from public."cpu" group by time_bucket(interval \'1 hour\', "time") with no data'
    ),
    "first computation": "call refresh_continuous_aggregate('public.cpu_1m', null, null)",
    "refresh policy": (
        "select add_continuous_aggregate_policy('public.cpu_1m', "
        "start_offset => interval '7 days', end_offset => interval '1 minute', "
        "schedule_interval => interval '5 minutes')"
    ),
    "columnstore": (
        'alter table public."cpu" set (timescaledb.enable_columnstore = true, '
        """timescaledb.segmentby = '"host"', timescaledb.orderby = '"time" DESC, "usage"')"""
    ),
    "columnstore policy": "call add_columnstore_policy('public.cpu', after => interval '7 days')",
    "retention policy": (
        "select add_retention_policy('public.cpu', drop_after => interval '90 days')"
    ),
    "grant on a rollup": 'grant select on public."cpu_1d" to "timestack_readonly"',
}


@pytest.mark.parametrize("expected", TIMESCALE.values(), ids=TIMESCALE)
def test_the_community_edition_gets(expected: str) -> None:
    assert expected in statements("timescale")


def test_each_level_is_made_and_computed_after_the_one_below() -> None:
    found = statements("timescale")
    for construct in ('create materialized view public."cpu_{}"', "aggregate('public.cpu_{}'"):
        places = [
            next(i for i, text in enumerate(found) if construct.format(level) in text)
            for level in ("1m", "1h", "1d")
        ]
        assert places == sorted(places)


def test_computing_a_continuous_aggregate_is_no_part_of_a_transaction() -> None:
    for step in planning.offline(DECLARED, "timescale").steps:
        computes = any("refresh_continuous_aggregate(" in each for each in step.statements)
        policy = any("policy(" in each for each in step.statements)
        assert step.transactional is not (computes and not policy)


def test_the_apache_edition_gets_nothing_that_only_the_other_has() -> None:
    text = "\n".join(statements("apache"))
    for construct in ("timescaledb.continuous", "policy(", "columnstore", "refresh_continuous"):
        assert construct not in text


def test_both_editions_have_the_same_tables_and_columns() -> None:
    def outputs(edition: str) -> dict[str, list[str]]:
        return {
            match[1]: re.findall(r' as "?(\w+)"?', match[2])
            for text in statements(edition)
            if (
                match := re.match(
                    r'create (?:table|materialized view) public."(\w+)".*?(select.*)', text
                )
            )
        }

    assert outputs("apache") == outputs("timescale")
    assert set(outputs("apache")) == {"cpu_1m", "cpu_1h", "cpu_1d", "cpu_total_1h"}


def test_a_table_without_rollups_has_no_triggers() -> None:
    assert not any("trigger" in text and '"plain"' in text for text in statements("apache"))


def test_offline_needs_no_database_and_prints_sql(tmp_path, capsys) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("hypertables:\n  cpu: {time: time, chunk_interval: 1 day}\n")
    arguments = ["plan", "--offline", "--edition", "timescale", "--file", str(file)]
    assert cli.main(arguments) == 0
    output = capsys.readouterr().out
    assert output.startswith("-- edition: timescale\n")
    assert "select create_hypertable('public.cpu'" in output
    assert all(
        line.startswith("--") or not line.startswith(("+", "~", "-"))
        for line in output.splitlines()
    )
