"""The seeded weather against the package's own CSV, computed here without our code."""

from __future__ import annotations

import csv
import io
import statistics
from datetime import datetime, timedelta

import pytest

from scripts.host.compose import image
from tests.stack import Stack, docker

pytestmark = pytest.mark.stack

# Column of the source -> (type, name) of the sensor it becomes.
COLUMNS = {
    "temp": ("temperature", "air temperature"),
    "dewp": ("temperature", "dew point"),
    "humid": ("humidity", "relative humidity"),
    "wind_dir": ("wind", "direction"),
    "wind_speed": ("wind", "speed"),
    "wind_gust": ("wind", "gust"),
    "precip": ("precipitation", "precipitation"),
    "pressure": ("pressure", "sea level pressure"),
    "visib": ("visibility", "visibility"),
}
MISSING = {"", "NA"}


@pytest.fixture(scope="module")
def source() -> list[dict[str, str]]:
    text = docker("run", "--rm", "--network", "none", image("web"), "cat", "/app/data/weather.csv")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def jfk(source: list[dict[str, str]]) -> dict[datetime, float]:
    """Air temperature at JFK by hour, UTC, degrees Fahrenheit."""
    return {
        datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00")): float(row["temp"])
        for row in source
        if row["origin"] == "JFK" and row["temp"] not in MISSING
    }


JFK_TEMPERATURE = """
    from readings r join sensors s on s.id = r.sensor_id
    where s.location = 'JFK' and s.type = 'temperature' and s.name = 'air temperature'
"""


def test_there_is_one_reading_for_every_cell_that_is_not_missing(stack: Stack, source) -> None:
    cells = sum(row[column] not in MISSING for row in source for column in COLUMNS)
    assert stack.sql("select count(*) from readings") == [(str(cells),)]


def test_every_column_and_airport_is_a_sensor_with_its_unit(stack: Stack, source) -> None:
    found = set(stack.sql("select type, name, location from sensors where unit <> ''"))
    airports = {row["origin"] for row in source}
    assert found == {(*kind, airport) for kind in COLUMNS.values() for airport in airports}


def test_each_sensor_holds_the_values_of_its_column(stack: Stack, source) -> None:
    sums = {
        (type_, name, location): (int(count), float(total))
        for type_, name, location, count, total in stack.sql(
            "select type, name, location, count(*), sum(value) from readings r"
            " join sensors s on s.id = r.sensor_id group by 1, 2, 3"
        )
    }
    for column, kind in COLUMNS.items():
        for airport in ("EWR", "JFK", "LGA"):
            values = [
                float(row[column])
                for row in source
                if row["origin"] == airport and row[column] not in MISSING
            ]
            count, total = sums[(*kind, airport)]
            assert count == len(values)
            assert total == pytest.approx(sum(values), rel=1e-9)


def test_the_last_day_of_a_sensor(stack: Stack, jfk) -> None:
    rows = stack.sql(
        f"select r.value {JFK_TEMPERATURE} and r.time > (select max(time) from readings"
        " r2 where r2.sensor_id = r.sensor_id) - interval '1 day' order by r.time"
    )
    last = max(jfk)
    expected = [jfk[time] for time in sorted(jfk) if time > last - timedelta(days=1)]
    assert [float(value) for (value,) in rows] == expected


def test_the_hourly_averages(stack: Stack, jfk) -> None:
    rows = stack.sql(
        "select extract(epoch from time_bucket('1 hour', r.time))::bigint, avg(r.value)"
        f" {JFK_TEMPERATURE} group by 1 order by 1"
    )
    assert {int(hour): float(mean) for hour, mean in rows} == {
        int(time.timestamp()): value for time, value in jfk.items()
    }


def test_the_half_hour_average_with_the_last_value(stack: Stack, jfk) -> None:
    rows = stack.sql(
        "select extract(epoch from time_bucket('30 minutes', r.time))::bigint, avg(r.value),"
        f" last(r.value, r.time) {JFK_TEMPERATURE} group by 1 order by 1 desc limit 48"
    )
    newest = sorted(jfk, reverse=True)[:48]
    assert [(int(t), float(mean), float(last)) for t, mean, last in rows] == [
        (int(time.timestamp()), jfk[time], jfk[time]) for time in newest
    ]


def test_the_join_with_the_sensors(stack: Stack, source) -> None:
    rows = stack.sql(
        "select s.location, s.unit, avg(r.value) from readings r join sensors s"
        " on s.id = r.sensor_id where s.name = 'relative humidity' group by 1, 2 order by 1"
    )
    for location, unit, mean in rows:
        values = [
            float(row["humid"])
            for row in source
            if row["origin"] == location and row["humid"] not in MISSING
        ]
        assert unit == "%"
        assert float(mean) == pytest.approx(statistics.fmean(values), rel=1e-9)
    assert [location for location, _, _ in rows] == ["EWR", "JFK", "LGA"]


def test_the_daily_rollup_is_the_aggregate_of_the_readings(stack: Stack) -> None:
    differences = stack.sql(
        """
        with raw as (
          select time_bucket('1 day', time) as bucket, sensor_id, count(*) as n,
                 sum(value) as value_sum, min(value) as value_min, max(value) as value_max
          from readings group by 1, 2)
        select count(*) filter (where abs(raw.value_sum - d.value_sum) > 1e-6
                                   or raw.n is distinct from d.n
                                   or raw.value_min is distinct from d.value_min
                                   or raw.value_max is distinct from d.value_max),
               count(*)
        from raw full join readings_1d d using (bucket, sensor_id)
        """
    )
    wrong, compared = (int(value) for value in differences[0])
    assert wrong == 0
    assert compared > 27 * 300


def test_provisioning_again_changes_nothing(stack: Stack) -> None:
    fingerprint = "select count(*), sum(hashtext(r::text)) from readings r"
    before = stack.sql(fingerprint)
    again = stack.compose("run", "--rm", "--no-deps", "provision")
    assert again.returncode == 0, again.stderr
    assert stack.sql(fingerprint) == before
