"""series.query: the coarsest level that gives the points, the tail, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from timestack.series import catalog, rollups
from timestack.series.query import Series, UnknownSeries, query

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

DECLARED = catalog.parse(
    """
hypertables:
  cpu:
    time: time
    chunk_interval: 1 day
    unique: [site, host, time desc]
    indexes: [[time desc]]
    rollups:
      - keys: [site, host]
        values: [usage, heat]
        levels: [1 minute, 1 hour]
      - keys: []
        values: [usage]
        levels: [1 minute, 1 hour]
    grants: {timestack_app: [select, insert, delete]}
"""
)
START = datetime(2024, 3, 1, tzinfo=UTC)
END = START + timedelta(days=4)
# Refreshed up to here; rows that came later are the tail.
REFRESHED = START + timedelta(days=3, hours=5, minutes=30)
STEP = timedelta(seconds=20)
KEYS = [("a", 1), ("a", 2), ("b", 1)]


@pytest.fixture(scope="module")
def cpu(make_database) -> Database:
    """Three hosts, four days in steps of 20 seconds: usage a saw tooth, heat null at times."""
    database = make_database()
    database.sql(
        "create table cpu (time timestamptz not null, site text not null, host int not null,"
        " usage double precision not null, heat double precision);"
        "alter table cpu owner to timestack_owner"
    )
    database.provision(DECLARED)
    insert = (
        "insert into cpu select t, site, host, (extract(epoch from t)::bigint / 20 * 7919 * host)"
        " % 1000, case when extract(minute from t) < 30 then host end"
        " from generate_series(timestamptz '{}', timestamptz '{}', '20 s') t,"
        " (values ('a', 1), ('a', 2), ('b', 1)) k(site, host)"
    )
    database.sql(insert.format(START, REFRESHED - STEP))
    with Session(database.engine("app")) as session, session.begin():
        rollups.refresh_all(session, declared=DECLARED)
    database.sql(insert.format(REFRESHED, END - STEP))
    database.sql("analyze")
    return database


@pytest.fixture
def session(cpu: Database):
    with Session(cpu.engine("app")) as opened:
        yield opened


def read(session: Session, points: int, start=START, end=END, keys=None, **options) -> list[Series]:
    keys = {"site": "a", "host": 1} if keys is None else keys
    options = {"value": "usage", "declared": DECLARED, **options}
    return query(session, "cpu", keys, start, end, points, **options)


def tables_read(session: Session, *arguments, **options) -> str:
    """Text of the statements that one query sends."""
    sent = []
    connection = session.connection()

    def note(connection, cursor, statement, parameters, context, many):
        sent.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    read(session, *arguments, **options)
    event.remove(connection, "before_cursor_execute", note)
    return "\n".join(sent)


def raw(cpu: Database, since: datetime, until: datetime, where: str = "site = 'a' and host = 1"):
    low, high, mean, n = cpu.sql(
        "select min(usage), max(usage), avg(usage), count(*) from cpu"
        f" where time >= '{since}' and time < '{until}' and {where}"
    ).split("|")
    return float(low), float(high), float(mean), int(n)


def test_a_short_range_gives_the_rows_themselves(session) -> None:
    [series] = read(session, 100, end=START + timedelta(minutes=10))
    assert series.bucket is None
    assert len(series) == 30
    assert series.time[0] == np.datetime64("2024-03-01T00:00:00")
    assert series.time.dtype == "datetime64[us]"
    assert (series.min == series.mean).all()
    assert (series.max == series.mean).all()


def test_four_days_at_96_points_come_from_the_hourly_rollup(session) -> None:
    [series] = read(session, 96)
    assert series.bucket == timedelta(hours=1)
    assert "cpu_1h" in tables_read(session, 96)


def test_four_days_at_1000_points_come_from_the_rollup_of_minutes(session) -> None:
    [series] = read(session, 1000)
    assert series.bucket == timedelta(minutes=5)
    sent = tables_read(session, 1000)
    assert "cpu_1m" in sent
    assert "cpu_1h" not in sent


@pytest.mark.parametrize("points", [4, 96, 1000])
def test_every_bucket_is_the_aggregate_of_its_rows_the_tail_included(cpu, session, points) -> None:
    [series] = read(session, points)
    assert series.time[-1] + np.timedelta64(series.bucket) >= np.datetime64("2024-03-05")
    for place in {0, 1, len(series) // 2, len(series) - 2, len(series) - 1}:
        since = series.time[place].astype(datetime).replace(tzinfo=UTC)
        low, high, mean, _ = raw(cpu, since, since + series.bucket)
        assert (series.min[place], series.max[place]) == (low, high)
        assert series.mean[place] == pytest.approx(mean)


def test_extremes_survive_whatever_the_resolution(cpu, session) -> None:
    low, high, *_ = raw(cpu, START, END)
    for points in (2, 10, 96, 1000, 5000):
        [series] = read(session, points)
        assert (series.min.min(), series.max.max()) == (low, high)


def test_several_keys_come_back_in_the_order_asked_for(cpu, session) -> None:
    found = read(session, 96, keys={"site": ["b", "a"], "host": [2, 1]})
    assert [series.key for series in found] == [("b", 2), ("b", 1), ("a", 2), ("a", 1)]
    assert [len(series) > 0 for series in found] == [False, True, True, True]
    alone = read(session, 96, keys={"site": "b", "host": 1})[0]
    assert (found[1].mean == alone.mean).all()


def test_no_keys_are_the_total_and_come_from_its_own_rollup(cpu, session) -> None:
    [series] = read(session, 96, keys={})
    assert series.key == ()
    since = series.time[50].astype(datetime).replace(tzinfo=UTC)
    low, high, mean, _ = raw(cpu, since, since + series.bucket, "true")
    assert (series.min[50], series.max[50]) == (low, high)
    assert series.mean[50] == pytest.approx(mean)
    assert "cpu_total_1h" in tables_read(session, 96, keys={})


def test_a_series_tells_sum_count_first_and_last_of_each_bucket(cpu, session) -> None:
    for points in (1000, 96, 4):
        [series] = read(session, points)
        for place in (0, len(series) // 2, len(series) - 1):
            since = series.time[place].astype(datetime).replace(tzinfo=UTC)
            total, n, first, last = cpu.sql(
                "select sum(usage), count(*), first(usage, time), last(usage, time) from cpu"
                f" where time >= '{since}' and time < '{since + series.bucket}'"
                " and site = 'a' and host = 1"
            ).split("|")
            assert series.count[place] == int(n)
            assert series.sum[place] == float(total)
            assert (series.first[place], series.last[place]) == (float(first), float(last))
    [rows] = read(session, 100, end=START + timedelta(minutes=10))
    for aggregate in (rows.sum, rows.first, rows.last):
        assert (aggregate == rows.mean).all()
    assert (rows.count == 1).all()


@pytest.mark.parametrize("points", [4, 96, 1000, 20_000])
@pytest.mark.parametrize("keys", [{}, {"site": "a"}])
def test_keys_are_added_up_when_that_is_asked(session, points, keys) -> None:
    [total] = read(session, points, keys=keys, over_keys="sum")
    parts = [
        read(session, points, keys={"site": site, "host": host})[0]
        for site, host in KEYS
        if keys in ({}, {"site": site})
    ]
    assert len(total) == len(parts[0])
    for name in ("mean", "min", "max", "sum", "count", "first", "last"):
        added = sum(getattr(part, name) for part in parts)
        assert getattr(total, name) == pytest.approx(added), name
    # By rows it is their mean instead.
    [mean] = read(session, points, keys=keys)
    if len(mean) == len(total):
        assert total.mean == pytest.approx(mean.mean * len(parts))


def test_some_of_the_keys_are_the_total_over_the_others(cpu, session) -> None:
    [series] = read(session, 96, keys={"site": "a"})
    since = series.time[10].astype(datetime).replace(tzinfo=UTC)
    _, _, mean, _ = raw(cpu, since, since + series.bucket, "site = 'a'")
    assert series.mean[10] == pytest.approx(mean)


def test_a_value_without_its_own_total_rollup_is_added_up_over_the_keys(session) -> None:
    [series] = read(session, 96, keys={}, value="heat")
    assert np.nanmax(series.max) == 2
    assert np.nanmean(series.mean) == pytest.approx(4 / 3)


def test_a_bucket_of_nulls_has_no_value(session) -> None:
    [series] = read(session, 200, value="heat", end=START + timedelta(hours=2))
    known = ~np.isnan(series.mean)
    assert 0 < known.sum() < len(series)
    assert (series.mean[known] == 1).all()


def test_a_table_that_was_never_refreshed_answers_from_its_rows(make_database) -> None:
    database = make_database()
    database.sql(
        "create table cpu (time timestamptz not null, site text not null, host int not null,"
        " usage double precision not null, heat double precision);"
        "alter table cpu owner to timestack_owner"
    )
    database.provision(DECLARED)
    database.sql(
        "insert into cpu select t, 'a', 1, 5 from"
        " generate_series(timestamptz '2024-03-01', '2024-03-02', '20 s') t"
    )
    with Session(database.engine("app")) as session:
        [series] = read(session, 4)
    assert (series.mean == 5).all()
    assert len(series) > 0


def test_an_empty_range_gives_empty_arrays(session) -> None:
    for points in (1, 1000):
        [series] = read(
            session, points, start=START - timedelta(days=9), end=START - timedelta(days=8)
        )
        assert len(series) == 0
        assert series.time.dtype == "datetime64[us]"
        assert series.mean.dtype == np.float64


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    first=st.integers(-4000, 6000),
    length=st.integers(1, 8000),
    points=st.integers(1, 3000),
    keys=st.sampled_from([{}, {"site": "a"}, {"site": ["a", "b"], "host": [1, 2]}]),
)
def test_there_are_never_more_than_twice_the_points(cpu, first, length, points, keys) -> None:
    start = START + first * timedelta(minutes=1, seconds=7)
    end = start + length * timedelta(minutes=1, microseconds=13)
    with Session(cpu.engine("app")) as session:
        for series in read(session, points, start, end, keys=keys):
            assert len(series) <= 2 * points
            assert (np.diff(series.time) > np.timedelta64(0)).all()
            assert not (series.min > series.mean + 1e-9).any()
            assert not (series.mean > series.max + 1e-9).any()
            if len(series):
                # A bucket may begin before the range it overlaps; a row may not.
                early = series.bucket - timedelta(microseconds=1) if series.bucket else timedelta(0)
                assert series.time[0] >= np.datetime64(start.replace(tzinfo=None) - early)
                assert series.time[-1] < np.datetime64(end.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"keys": {"colour": 1}}, UnknownSeries, "declares no key `colour`"),
        ({"value": "colour"}, UnknownSeries, "declares no value `colour`"),
        ({"value": None}, UnknownSeries, "declares several values: choose one of heat, usage"),
        ({"value": "usage; drop table cpu"}, UnknownSeries, "declares no value"),
        ({"keys": {"site; drop table cpu": 1}}, UnknownSeries, "declares no key"),
        ({"end": START}, ValueError, "is not after start"),
        ({"start": datetime(2024, 1, 1)}, ValueError, "time zone"),  # noqa: DTZ001
        ({"points": 0}, ValueError, "at least 1"),
        ({"over_keys": "product"}, ValueError, "rows or sum or each"),
        ({"bucket": timedelta(0)}, ValueError, "longer than"),
    ],
)
def test_what_cannot_be_answered_is_refused(session, changes, error, message) -> None:
    with pytest.raises(error, match=message):
        read(session, **{"points": 10, **changes})


def test_a_table_that_is_not_declared_is_refused(session) -> None:
    with pytest.raises(UnknownSeries, match="no hypertable `jobs` is declared"):
        query(session, "jobs", {}, START, END, 10, declared=DECLARED)


def test_a_key_with_sql_in_it_is_only_a_value(cpu, session) -> None:
    keys = {"site": "a'; drop table cpu; --", "host": 1}
    assert len(read(session, 10, keys=keys)[0]) == 0
    assert cpu.sql("select count(*) > 0 from cpu") == "t"
