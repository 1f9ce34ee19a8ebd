"""Days of a rollup in a time zone: those of 23 and 25 hours, and zones of half an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy.orm import Session

from scripts.provision.aggregates import levels
from tests.integration.db.conftest import Database
from timestack.series import catalog, rollups
from timestack.series.query import Series, query

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

ZONES = {"paris": "Europe/Paris", "kolkata": "Asia/Kolkata"}
TABLE = """
  {table}:
    time: time
    chunk_interval: 30 days
    unique: [meter, time desc]
    rollups:
      - keys: [meter]
        values: [watts]
        levels: [1 hour, 1 day, 7 days]
        timezone: {zone}
"""
DECLARED = catalog.parse(
    "hypertables:" + "".join(TABLE.format(table=table, zone=zone) for table, zone in ZONES.items())
)
# Both changes of the clocks of 2024 in Europe, on 31 March and 27 October, are within.
START, END = datetime(2024, 3, 20, tzinfo=UTC), datetime(2024, 11, 10, tzinfo=UTC)
REFRESHED = datetime(2024, 10, 27, 10, tzinfo=UTC)
INSERT = (
    "insert into {table} select t, meter, extract(epoch from t)::int / 1800 * 79 % 1000 * meter"
    " from generate_series(timestamptz '{since}', timestamptz '{until}', '30 min') t,"
    " generate_series(1, 2) meter"
)


@pytest.fixture(scope="module")
def metered(make_database) -> Database:
    """Half-hourly readings of two meters in both zones; rows that came after the refresh."""
    database = make_database()
    for table in ZONES:
        database.sql(
            f"create table {table} (time timestamptz not null, meter int not null, watts float8);"
            f"alter table {table} owner to timestack_owner"
        )
    database.provision(DECLARED)
    last = timedelta(minutes=30)
    for table in ZONES:
        database.sql(INSERT.format(table=table, since=START, until=REFRESHED - last))
    with Session(database.engine()) as session, session.begin():
        rollups.refresh_all(session, declared=DECLARED)
    for table in ZONES:
        database.sql(INSERT.format(table=table, since=REFRESHED, until=END - last))
    return database


def days(database: Database, table: str, unit: str = "day") -> dict[datetime, tuple[float, ...]]:
    """Start of each local day, from the rows alone: rows, sum and greatest value of meter 1."""
    rows = database.sql(
        f"select extract(epoch from date_trunc('{unit}', time, '{ZONES[table]}'))::bigint,"
        f" count(*), sum(watts), max(watts) from {table} where meter = 1 group by 1"
    )
    split = (row.split("|") for row in rows.splitlines())
    return {datetime.fromtimestamp(int(at), UTC): tuple(map(float, found)) for at, *found in split}


def buckets(database: Database, table: str, level: str) -> dict[datetime, tuple[float, ...]]:
    rows = database.sql(
        "select extract(epoch from bucket)::bigint, n, watts_sum, watts_max"
        f" from {table}_{level} where meter = 1"
    )
    split = (row.split("|") for row in rows.splitlines())
    return {datetime.fromtimestamp(int(at), UTC): tuple(map(float, found)) for at, *found in split}


def read(database: Database, table: str, points: int) -> Series:
    with Session(database.engine()) as session:
        [series] = query(session, table, {"meter": 1}, START, END, points, declared=DECLARED)
    return series


@pytest.mark.parametrize("table", ZONES)
@pytest.mark.parametrize("days_of_bucket", [1, 2, 7])
def test_a_chart_s_days_begin_at_local_midnight_and_hold_that_day_the_tail_included(
    metered: Database, table: str, days_of_bucket: int
) -> None:
    series = read(metered, table, (END - START) // timedelta(days=days_of_bucket))
    assert series.bucket == timedelta(days=days_of_bucket)
    zone = ZoneInfo(ZONES[table])
    expected = days(metered, table)
    total = 0.0
    for at, n, amount, most in zip(
        series.time.astype(datetime), series.count, series.sum, series.max, strict=True
    ):
        local = at.replace(tzinfo=UTC).astimezone(zone)
        assert (local.hour, local.minute) == (0, 0)
        within = [
            found
            for day, found in expected.items()
            if timedelta(0)
            <= day.astimezone(zone).replace(tzinfo=None) - local.replace(tzinfo=None)
            < series.bucket
        ]
        assert n == sum(each[0] for each in within)
        assert amount == sum(each[1] for each in within)
        assert most == max(each[2] for each in within)
        total += n
    assert total == sum(each[0] for each in expected.values())


@pytest.mark.parametrize("table", ZONES)
def test_a_refresh_computes_exactly_the_days_of_the_zone(metered: Database, table: str) -> None:
    # Late rows, in the last hour of a day of 23 hours and in the one that comes twice.
    metered.sql(
        f"update {table} set watts = 5000 where time = '2024-03-31 21:30Z';"
        f"delete from {table} where time between '2024-10-27 00:30Z' and '2024-10-27 01:30Z'"
    )
    with Session(metered.engine()) as session, session.begin():
        rollups.refresh_all(session, declared=DECLARED)
    for level, unit, width in (("1d", "day", 1), ("7d", "week", 7)):
        found, expected = buckets(metered, table, level), days(metered, table, unit)
        if metered.server.edition == "timescale":
            # The bucket that is still filling is left to the query.
            over = END - timedelta(days=width)
            found, expected = (
                {day: values for day, values in each.items() if day <= over}
                for each in (found, expected)
            )
        assert expected
        assert found == expected


def test_hours_stay_those_of_utc(metered: Database) -> None:
    series = read(metered, "paris", 24 * 230)
    assert series.bucket == timedelta(hours=1)
    assert (series.time.astype("datetime64[h]") == series.time).all()
    assert (np.diff(series.time) >= np.timedelta64(1, "h")).all()


def test_days_of_a_zone_of_half_hours_are_made_of_rows_and_others_of_hours() -> None:
    sources = {
        table: [level.source for level in levels(table, DECLARED.hypertables[table])]
        for table in ZONES
    }
    assert sources == {
        "paris": ["paris", "paris_1h", "paris_1d"],
        "kolkata": ["kolkata", "kolkata", "kolkata_1d"],
    }
