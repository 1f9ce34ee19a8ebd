"""Series over the API: the points that series.query gives, in every format."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyarrow import ipc, parquet
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import api, db, errors
from timestack.series import catalog, rollups

pytestmark = pytest.mark.database

SERIES = "/api/v1/series"
# Two sensors, a reading a minute for ten days from here on; of the last day no rollup knows.
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 10
SENSORS = """
insert into sensors (type, location, name, unit) values ('t', 'a', 'x', 'C'), ('t', 'b', 'x', 'C')
"""
ROWS = """
insert into readings (time, sensor_id, value)
select timestamptz '2026-03-01 00:00Z' + n * interval '1 min', sensor,
       round((sin(n / 500.0) * 10 * sensor)::numeric, 2)
  from generate_series({first}, {last}) n, generate_series(1, 2) sensor
"""


@pytest.fixture(scope="module")
def client(provisioned: Database) -> Iterator[FlaskClient]:
    """The API with the rights of the web."""
    provisioned.sql(SENSORS)
    provisioned.sql(ROWS.format(first=0, last=(DAYS - 1) * 1440 - 1))
    with Session(provisioned.engine("app")) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE))
    provisioned.sql(ROWS.format(first=(DAYS - 1) * 1440, last=DAYS * 1440 - 1))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        engine = db.init(provisioned.settings("app"))
        app = Flask(__name__)
        errors.init_app(app)
        api.init_app(app, lambda endpoint, method: None)
        yield app.test_client()
        engine.dispose()


def get(client: FlaskClient, query: str) -> dict:
    answer = client.get(f"{SERIES}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def times(series: dict) -> pd.DatetimeIndex:
    """What docs/api.md makes of them."""
    time = series["time"]
    steps = time.get("deltas", [time.get("step")] * (len(series["mean"]) - 1))
    return pd.to_datetime(np.cumsum([time["start"], *steps]), unit=time["unit"], utc=True)


def expected(database: Database, sensor: int, width: str) -> list[tuple[str, ...]]:
    """What the rows themselves give: time, min, mean and max."""
    text = database.sql(
        f"select extract(epoch from time_bucket('{width}', time))::bigint, min(value),"
        f" avg(value), max(value) from readings where sensor_id = {sensor} group by 1 order by 1"
    )
    return [tuple(map(float, line.split("|"))) for line in text.splitlines()]


def test_points_are_those_of_the_rows_and_name_the_rollup_that_answered(
    client: FlaskClient, provisioned: Database
) -> None:
    body = get(client, "table=readings&key.sensor_id=2&key.sensor_id=1&points=200")
    assert (body["table"], body["value"], body["bucket"]) == ("readings", "value", 3600)
    assert body["tables"] == ["readings_1h", "readings"]
    assert (body["start"], body["end"]) == (
        "2026-03-01T00:00:00+00:00",
        "2026-03-10T23:59:00.000001+00:00",
    )
    assert [series["key"] for series in body["series"]] == [{"sensor_id": 2}, {"sensor_id": 1}]
    for series in body["series"]:
        rows = expected(provisioned, series["key"]["sensor_id"], "1 hour")
        assert len(rows) == 240
        assert series["time"] == {"unit": "ms", "start": int(rows[0][0] * 1000), "step": 3_600_000}
        for place, name in enumerate(("min", "mean", "max"), 1):
            np.testing.assert_allclose(series[name], [row[place] for row in rows], atol=1e-4)


def test_a_few_points_of_a_short_range_are_the_rows(client: FlaskClient) -> None:
    body = get(
        client,
        "table=readings&key.sensor_id=1&points=10"
        "&start=2026-03-02T00:00:00%2B01:00&end=2026-03-02T00:10:00%2B01:00",
    )
    assert (body["tables"], body["bucket"]) == (["readings"], None)
    [series] = body["series"]
    first = datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert list(times(series)) == [first + n * timedelta(minutes=1) for n in range(10)]
    assert series["min"] == series["mean"] == series["max"]


def test_without_keys_all_rows_count_alike(client: FlaskClient) -> None:
    [series] = get(client, "table=readings&points=5")["series"]
    assert series["key"] == {}
    assert len(series["mean"]) >= 5


def test_the_keys_are_added_up_where_that_is_asked(client: FlaskClient) -> None:
    window = "start=2026-03-02T00:00:00Z&end=2026-03-03T00:00:00Z&points=24"
    [total] = get(client, f"table=readings&over_keys=sum&{window}")["series"]
    both = f"table=readings&key.sensor_id=1&key.sensor_id=2&{window}"
    parts = [np.array(each["mean"]) for each in get(client, both)["series"]]
    np.testing.assert_allclose(total["mean"], sum(parts), atol=1e-4)
    [alike] = get(client, f"table=readings&{window}")["series"]
    np.testing.assert_allclose(alike["mean"], sum(parts) / 2, atol=1e-4)


def test_each_row_is_a_point_where_that_is_asked_and_they_are_few(client: FlaskClient) -> None:
    asked = "table=readings&over_keys=each&start=2026-03-02T00:00:00Z&end=2026-03-02T10:00:00Z"
    body = get(client, f"{asked}&points=600")
    assert (body["bucket"], body["tables"]) == (None, ["readings"])
    # Of both sensors.
    assert len(body["series"][0]["mean"]) == 1200
    body = get(client, f"{asked}&points=10")
    assert (body["bucket"], len(body["series"][0]["mean"])) == (3600, 10)


@pytest.mark.parametrize(("bucket", "answered"), [(7200, "readings_1h"), (900, "readings")])
def test_a_bucket_is_as_wide_as_it_is_asked_for(
    client: FlaskClient, provisioned: Database, bucket: int, answered: str
) -> None:
    asked = "table=readings&key.sensor_id=1&start=2026-03-09T12:00:00Z"
    body = get(client, f"{asked}&bucket={bucket}&points=1000")
    assert (body["bucket"], body["tables"][0]) == (bucket, answered)
    # To the newest row, which no rollup knows of.
    assert body["end"] == "2026-03-10T23:59:00.000001+00:00"
    [series] = body["series"]
    rows = expected(provisioned, 1, f"{bucket} s")
    rows = [row for row in rows if row[0] * 1000 >= series["time"]["start"]]
    assert len(rows) == len(series["mean"]) == 36 * 3600 // bucket
    np.testing.assert_allclose(series["mean"], [row[2] for row in rows], atol=1e-4)


def test_the_points_of_a_chart_are_less_than_30_kb(client: FlaskClient) -> None:
    hours = "table=readings&key.sensor_id=1&start=2026-03-01T00:00:00Z&end=2026-03-04T00:00:00Z"
    answer = client.get(f"{SERIES}?{hours}&points=834&bucket=300")
    [series] = answer.get_json()["series"]
    assert len(series["mean"]) == 864
    assert len(answer.data) < 30_000


def test_what_is_not_there_is_empty(client: FlaskClient) -> None:
    for query in (
        "table=readings&key.sensor_id=3",
        "table=readings&key.sensor_id=1&start=2027-01-01T00:00:00Z",
        "table=readings&start=0001-01-01T00:00:00Z&end=0002-01-01T00:00:00Z",
        "table=readings&start=9998-01-01T00:00:00Z&end=9999-12-31T23:59:59Z&points=1",
        "table=prices_daily&value=open&key.ticker_id=1",
        "table=test_runs&value=seconds&key.host=a&key.suite=b",
    ):
        [series] = get(client, query)["series"]
        assert series["mean"] == [], query
        assert series["time"]["start"] is None


def test_an_answer_is_sent_again_only_when_it_changed(client: FlaskClient) -> None:
    address = f"{SERIES}?table=readings&key.sensor_id=1&points=50"
    first = client.get(address)
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Accept"
    asked = {"If-None-Match": first.headers["ETag"]}
    again = client.get(address, headers=asked)
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"{address}&format=csv", headers=asked).status_code == 200


READERS = {
    "csv": lambda data: pd.read_csv(io.BytesIO(data), parse_dates=["time"]),
    "ndjson": lambda data: pd.DataFrame(map(json.loads, data.splitlines())).astype(
        {"time": "datetime64[us, UTC]"}
    ),
    "parquet": lambda data: parquet.read_table(io.BytesIO(data)).to_pandas(),
    "arrow": lambda data: ipc.open_stream(io.BytesIO(data)).read_pandas(),
}


@pytest.mark.parametrize("name", READERS)
def test_each_format_has_a_row_for_each_point(
    client: FlaskClient, provisioned: Database, name: str
) -> None:
    query = "table=readings&key.sensor_id=1&key.sensor_id=2&points=9"
    answer = client.get(f"{SERIES}?{query}&format={name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="readings_value_2026-03-01_2026-03-10.'
    )
    frame = READERS[name](answer.data)
    assert list(frame.columns) == ["sensor_id", "time", "min", "mean", "max"]
    for sensor, part in frame.groupby("sensor_id"):
        rows = expected(provisioned, sensor, "1 day")
        assert [time.timestamp() for time in part["time"]] == [row[0] for row in rows]
        np.testing.assert_allclose(part["mean"], [row[2] for row in rows], rtol=1e-14)


def test_accept_chooses_the_format_and_the_address_goes_before_it(client: FlaskClient) -> None:
    address = f"{SERIES}?table=readings&points=1"

    def kind(accept: str, more: str = "") -> str:
        return client.get(address + more, headers={"Accept": accept}).mimetype

    assert kind("text/csv, */*;q=0.1") == "text/csv"
    assert kind("*/*") == "application/json"
    assert kind("application/vnd.apache.parquet") == "application/vnd.apache.parquet"
    assert kind("text/csv", "&format=arrow") == "application/vnd.apache.arrow.stream"
    refused = client.get(address, headers={"Accept": "image/png"})
    assert (refused.status_code, refused.mimetype) == (406, errors.PROBLEM)
    assert "text/csv" in refused.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("", "table", "required"),
        ("table=users", "table", "prices_daily, readings"),
        ("table=companies", "table", "is not a hypertable"),
        ("table=%00", "table", "printable"),
        ("table=readings&table=readings", "table", "twice"),
        ("table=readings&points=0", "points", "greater than or equal to 1"),
        ("table=readings&points=1000000000", "points", "less than or equal to 10000"),
        ("table=readings&points=NaN", "points", "integer in digits"),
        ("table=readings&points=1e400", "points", "integer in digits"),
        ("table=readings&points=18446744073709551616", "points", "integer in digits"),
        ("table=readings&value=x", "value", "choose one of value"),
        ("table=prices_daily", "value", "choose one of"),
        ("table=readings&start=2026-03-01T00:00:00", "start", "timezone"),
        ("table=readings&end=10000-01-01T00:00:00Z", "end", "should be a time such as"),
        (
            "table=readings&start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z",
            "end",
            "is not after start",
        ),
        (
            "table=readings&start=2026-03-02T00:00:00Z&end=2026-03-02T00:00:00Z",
            "end",
            "is not after start",
        ),
        ("table=readings&key.sensor_id=x", "key.sensor_id", "is of type integer, not 'x'"),
        ("table=readings&key.sensor_id=1e400", "key.sensor_id", "is of type integer"),
        ("table=readings&key.sensor_id=2147483648", "key.sensor_id", "is of type integer"),
        ("table=readings&key.sensor_id=", "key.sensor_id", "is of type integer"),
        ("table=readings&key.sensor_id=%00", "key.sensor_id", "NUL"),
        ("table=test_runs&value=seconds&key.host=%00", "key.host", "NUL"),
        ("table=readings&key.sensor_id=" + "1" * 600, "key.sensor_id", "at most 500"),
        ("table=readings&key.value=1", "key.value", "is not a column to choose by"),
        ("table=readings&key.=1", "key.", "is not a column to choose by"),
        ("table=readings&sensor_id=1", "sensor_id", "is not a parameter here"),
        ("table=readings&format=xml", "format", "json"),
        ("table=readings&over_keys=product", "over_keys", "'rows', 'sum' or 'each'"),
        ("table=readings&bucket=0", "bucket", "greater than or equal to 0.000001"),
        ("table=readings&bucket=-1", "bucket", "greater than or equal to 0.000001"),
        ("table=readings&bucket=NaN", "bucket", "number of seconds"),
        ("table=readings&bucket=1e10", "bucket", "less than or equal to"),
        ("table=readings&bucket=9999999999", "bucket", "less than or equal to"),
        ("table=readings&bucket=1&points=100", "bucket", "has more than twice 100 of these"),
        (
            "table=readings&points=10000&" + "&".join(f"key.sensor_id={n}" for n in range(21)),
            "points",
            "21 series of 10000 points are more than 200,000",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_by_its_name(
    client: FlaskClient, query: str, parameter: str, words: str
) -> None:
    answer = client.get(f"{SERIES}?{query}")
    assert (answer.status_code, answer.mimetype) == (422, errors.PROBLEM), answer.text
    found = {each["parameter"]: each["detail"] for each in answer.get_json()["errors"]}
    assert set(found) == {parameter}
    assert words in found[parameter]


def test_a_lone_surrogate_is_some_text_that_is_not_there(client: FlaskClient) -> None:
    [series] = get(client, "table=test_runs&value=seconds&key.host=%ED%A0%80")["series"]
    assert series["mean"] == []


def test_the_document_names_tables_keys_and_formats(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    shown = document["paths"]["/series"]["get"]
    names = {each["name"] for each in shown["parameters"]}
    assert names == {
        *("table", "value", "start", "end", "points", "bucket", "over_keys", "format"),
        *("key.sensor_id", "key.ticker_id", "key.host", "key.suite", "key.file_id", "key.number"),
    }
    assert set(shown["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
    }
