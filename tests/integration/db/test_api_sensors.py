"""Sensors and datasets over HTTP: found, added, changed, and from when to when they have rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.db.conftest import Database
from timestack.series import catalog

pytestmark = pytest.mark.database

SENSORS = "/api/v1/sensors"
DATASETS = "/api/v1/datasets"
NEW = {"type": "wind", "location": "JFK", "name": "gust", "unit": "mph"}


@pytest.fixture(autouse=True)
def sensors(provisioned: Database) -> None:
    """Three sensors; the first has three readings, in chunks of different quarters."""
    provisioned.sql(
        "truncate sensors, readings, idempotency_keys restart identity;"
        " insert into sensors (type, location, name, unit) values"
        " ('temperature', 'JFK', 'air temperature', '°C'),"
        " ('temperature', 'LGA', 'dew point', '°C'),"
        " ('humidity', 'JFK', 'humidity', '%');"
        " insert into readings (time, sensor_id, value) values ('2024-01-31T12:00Z', 1, 5),"
        " ('2024-06-30T00:00:00.5Z', 1, 6), ('2024-12-31T23:59Z', 1, 7)"
    )


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("editor")


def ids(answer: TestResponse) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.get_json()["items"]]


def bad(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    return answer.get_json()


def test_sensors_are_found_by_type_location_and_name(client: FlaskClient) -> None:
    assert ids(client.get(SENSORS)) == [1, 2, 3]
    assert ids(client.get(f"{SENSORS}?type=temperature")) == [1, 2]
    assert ids(client.get(f"{SENSORS}?location=JFK&sort=-id")) == [3, 1]
    assert ids(client.get(f"{SENSORS}?name=DEW")) == [2]
    assert ids(client.get(f"{SENSORS}?type=temperature&location=JFK&name=air")) == [1]
    assert ids(client.get(f"{SENSORS}?type=temp")) == [], "a type is given whole"
    assert ids(client.get(f"{SENSORS}?sort=type")) == [3, 1, 2]
    assert ids(client.get(f"{SENSORS}?sort=-location")) == [2, 3, 1]
    assert client.get(f"{SENSORS}?name=dew").get_json() == {
        "items": [
            {"id": 2, "type": "temperature", "location": "LGA", "name": "dew point", "unit": "°C"}
        ],
        "next": None,
    }


@pytest.mark.parametrize("sort", ["id", "-type", "location", "-name"])
def test_a_list_walked_by_cursor_has_each_sensor_once(
    client: FlaskClient, provisioned: Database, sort: str
) -> None:
    provisioned.sql(
        "insert into sensors (type, location, name, unit)"
        " select 'type ' || n % 3, 'place ' || n % 2, 'sensor ' || n, 'V'"
        " from generate_series(1, 20) as n"
    )
    whole = ids(client.get(f"{SENSORS}?sort={sort}"))
    seen: list[int] = []
    query = f"?sort={sort}&limit=4"
    for _ in range(6):
        answer = client.get(f"{SENSORS}{query}")
        seen += ids(answer)
        query = f"?sort={sort}&limit=4&cursor={answer.get_json()['next']}"
    assert seen == whole
    assert len(whole) == 23
    assert answer.get_json()["next"] is None
    assert "Link" not in answer.headers


def test_a_sensor_shows_from_when_to_when_it_has_readings(client: FlaskClient) -> None:
    shown = client.get(f"{SENSORS}/1").get_json()
    assert shown["unit"] == "°C"
    assert shown["extent"] == {"first": "2024-01-31T12:00:00Z", "last": "2024-12-31T23:59:00Z"}
    assert client.get(f"{SENSORS}/2").get_json()["extent"] is None


def test_a_sensor_is_added_and_changed(client: FlaskClient) -> None:
    answer = client.post(SENSORS, json={**NEW, "name": "  gust "})
    assert (answer.status_code, answer.get_json()) == (201, {"id": 4, **NEW})
    address = answer.headers["Location"]
    assert client.get(address).get_json() == {"id": 4, **NEW, "extent": None}
    changed = client.patch(address, json={"unit": "m/s", "name": "gust speed"})
    assert changed.status_code == 200
    assert client.get(address).get_json() == changed.get_json()
    assert changed.get_json() == {
        "id": 4, **NEW, "unit": "m/s", "name": "gust speed", "extent": None
    }  # fmt: skip
    assert client.patch(address, json={}).get_json() == changed.get_json()


def test_a_sensor_that_is_there_already_is_a_conflict(client: FlaskClient) -> None:
    first = {"type": "temperature", "location": "JFK", "name": "air temperature"}
    for answer in (
        client.post(SENSORS, json={**first, "unit": "K"}),
        client.patch(f"{SENSORS}/2", json={"location": "JFK", "name": "air temperature"}),
    ):
        assert "'temperature' at 'JFK' named 'air temperature'" in bad(answer, 409)["detail"]
    assert client.get(f"{SENSORS}/2").get_json()["location"] == "LGA"
    assert len(ids(client.get(SENSORS))) == 3


def test_a_request_repeated_under_its_key_adds_one_sensor(client: FlaskClient) -> None:
    asked = {"json": NEW, "headers": {"Idempotency-Key": "gust"}}
    first, again = (client.post(SENSORS, **asked) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert (first.data, first.headers["Location"]) == (again.data, again.headers["Location"])
    other = client.post(SENSORS, json={**NEW, "unit": "m/s"}, headers=asked["headers"])
    assert "idempotency key 'gust'" in bad(other, 409)["detail"]
    elsewhere = client.post("/api/v1/companies", json={"name": "a"}, headers=asked["headers"])
    assert elsewhere.status_code == 409
    assert len(ids(client.get(SENSORS))) == 4


def test_a_change_is_made_to_what_its_sender_has_seen_alone(
    client: FlaskClient, provisioned: Database
) -> None:
    seen = {"If-Match": client.get(f"{SENSORS}/1").headers["ETag"]}
    provisioned.sql("insert into readings values ('2025-01-01T00:00Z', 1, 8)")
    bad(client.patch(f"{SENSORS}/1", json={"unit": "K"}, headers=seen), 412)
    seen = {"If-Match": client.get(f"{SENSORS}/1").headers["ETag"]}
    assert client.patch(f"{SENSORS}/1", json={"unit": "K"}, headers=seen).status_code == 200


@pytest.mark.parametrize("column", ["type", "location", "name", "unit"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, "", " ", "a\0", "a\nb", "x" * 201])
def test_what_no_column_of_a_sensor_can_be_is_named(
    client: FlaskClient, column: str, value: object
) -> None:
    for answer in (
        client.post(SENSORS, json={**NEW, column: value}),
        client.patch(f"{SENSORS}/1", json={column: value}),
    ):
        assert [each["pointer"] for each in bad(answer, 422)["errors"]] == [f"/{column}"]


def test_the_longest_names_there_may_be_fit(client: FlaskClient) -> None:
    # Four bytes each, and not the same ones: an index compresses those.
    longest = "".join(chr(0x20000 + each * 7) for each in range(200))
    body = {"type": longest, "location": longest[::-1], "name": longest, "unit": longest}
    assert client.post(SENSORS, json=body).status_code == 201
    listed = client.get(f"{SENSORS}?sort=-name&limit=1").get_json()
    assert listed["items"][0]["name"] == longest
    assert len(ids(client.get(f"{SENSORS}?sort=-name&cursor={listed['next']}"))) == 3


def test_every_fault_of_a_body_is_named_at_once(client: FlaskClient) -> None:
    body = {"type": 1, "name": "", "colour": "red"}
    problem = bad(client.post(SENSORS, json=body), 422)
    places = [each["pointer"] for each in problem["errors"]]
    assert sorted(places) == ["/colour", "/location", "/name", "/type", "/unit"]
    assert "type, location, name, unit" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("type=", "type"),
        ("location=%00", "location"),
        ("type=a&type=b", "type"),
        ("sort=unit", "sort"),
        ("limit=-1", "limit"),
        ("unit=V", "unit"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    client: FlaskClient, query: str, parameter: str
) -> None:
    problem = bad(client.get(f"{SENSORS}?{query}"), 422)
    assert [each["parameter"] for each in problem["errors"]] == [parameter]


@pytest.mark.parametrize("id", ["4", "0", str(2**63), "x", "-1", "9" * 4000])
def test_a_sensor_that_does_not_exist_is_not_found(client: FlaskClient, id: str) -> None:
    bad(client.get(f"{SENSORS}/{id}"), 404)


def test_a_viewer_reads_and_changes_nothing(sign_in: Callable[..., FlaskClient]) -> None:
    viewer = sign_in("viewer")
    for address in (SENSORS, f"{SENSORS}/1", DATASETS, f"{DATASETS}/readings"):
        assert viewer.get(address).status_code == 200
    bad(viewer.post(SENSORS, json=NEW), 403)
    bad(viewer.patch(f"{SENSORS}/1", json={"unit": "K"}), 403)


# Datasets


def test_a_dataset_is_described_as_it_is_declared_and_as_it_is(
    client: FlaskClient, provisioned: Database
) -> None:
    provisioned.sql("analyze readings")
    answer = client.get(f"{DATASETS}/readings")
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    shown = answer.get_json()
    assert shown.pop("size") > 0
    assert shown == {
        "name": "readings",
        "table": "readings",
        "uploaded": None,
        "time": "time",
        "keys": ["sensor_id"],
        "values": ["value"],
        "columns": [
            {"name": "time", "type": "timestamp with time zone", "label": "time"},
            {"name": "sensor_id", "type": "integer", "label": "sensor_id"},
            {"name": "value", "type": "double precision", "label": "value"},
        ],
        "rollups": [
            {
                "keys": ["sensor_id"],
                "values": ["value"],
                "timezone": None,
                "levels": [
                    {"width": "1 hour", "table": "readings_1h"},
                    {"width": "1 day", "table": "readings_1d"},
                ],
            }
        ],
        "bounds": [
            {"column": "time", "low": "1900-01-01", "high": "2200-01-01"},
            {"column": "value", "low": -1e12, "high": 1e12},
        ],
        "chunk_interval": "90 days",
        "retention": None,
        "rows": 3,
        "chunks": 3,
        "extent": {"first": "2024-01-31T12:00:00Z", "last": "2024-12-31T23:59:00Z"},
    }


def test_every_declared_hypertable_that_is_for_all_is_a_dataset(client: FlaskClient) -> None:
    found = {each["name"]: each for each in client.get(DATASETS).get_json()["items"]}
    declared = catalog.current().hypertables
    assert list(found) == [name for name, each in declared.items() if not each.admins_only]
    assert found["test_runs"]["keys"] == ["file_id", "host", "suite"]
    assert "pass_rate" in found["test_runs"]["values"]
    assert (found["prices_daily"]["rows"], found["prices_daily"]["extent"]) == (0, None)
    closes = next(e for e in found["prices_daily"]["bounds"] if e["column"] == "close")
    assert (closes["low"], closes["high"]) == (None, None)


def test_rows_that_nobody_has_counted_are_not_none(
    client: FlaskClient, provisioned: Database
) -> None:
    # As after a load: the estimate is made by analyze, and later.
    shown = client.get(f"{DATASETS}/readings").get_json()
    assert shown["rows"] is None
    assert shown["extent"]


def test_rows_outside_of_the_bounds_and_emptied_chunks_do_not_count(
    client: FlaskClient, provisioned: Database
) -> None:
    provisioned.sql(
        "delete from readings where time < '2024-02-01' or time > '2024-12-01';"
        " begin; alter table readings drop constraint readings_time_bounds;"
        " insert into readings values ('1800-01-01T00:00Z', 1, 1), ('20000-01-01T00:00Z', 1, 1);"
        " commit"
    )
    try:
        extent = client.get(f"{DATASETS}/readings").get_json()["extent"]
    finally:
        provisioned.sql("delete from readings")
        provisioned.provision()
    assert extent == {"first": "2024-06-30T00:00:00.500000Z", "last": "2024-06-30T00:00:00.500000Z"}


@pytest.mark.parametrize("name", ["no-such", "users", "readings_1h", "x" * 5000, "a'b"])
def test_a_dataset_that_is_not_declared_is_not_found(client: FlaskClient, name: str) -> None:
    problem = bad(client.get(f"{DATASETS}/{name}"), 404)
    assert "prices_daily" in problem["detail"]
