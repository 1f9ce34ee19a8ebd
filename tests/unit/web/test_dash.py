"""The dashboards as they leave the server, and what their charts are made of."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.unit.web.conftest import signed_in
from timestack.dash import charts
from timestack.dash.sensors import UnknownRangeError, window
from timestack.domains.sensors import Extent, Sensor
from timestack.series.query import Series

UPDATE = "/dash/_dash-update-component"
SENSOR = Sensor(1, "wind", "JFK", "speed", "mph")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXTENT = Extent(datetime(2013, 1, 1, 6, tzinfo=UTC), datetime(2013, 12, 30, 23, tzinfo=UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def series(start: str, values: list[float], step: timedelta, bucket: timedelta | None) -> Series:
    """Values one ``step`` apart; NaN stands for a time that has no row."""
    there = [index for index, value in enumerate(values) if not np.isnan(value)]
    time = np.array([np.datetime64(start, "us") + np.timedelta64(step) * i for i in there])
    mean = np.array([values[i] for i in there], dtype=float)
    spread = 1.0 if bucket else 0.0
    return Series((1,), time.astype("datetime64[us]"), mean - spread, mean + spread, mean, bucket)


def body(client: FlaskClient, output: str, **values: Any) -> dict:
    """A callback's request as the browser sends it, with ``values`` by component id."""
    dependencies = client.get("/dash/_dash-dependencies").get_json()
    callback = next(each for each in dependencies if output in each["output"])
    outputs = [
        dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
        for part in callback["output"].strip(".").split("...")
    ]
    several = callback["output"].startswith("..")
    return {
        "output": callback["output"],
        "outputs": outputs if several else outputs[0],
        **{
            kind: [{**item, "value": values.get(item["id"])} for item in callback[kind]]
            for kind in ("inputs", "state")
        },
        "changedPropIds": [],
    }


def choice(client: FlaskClient, **values: Any) -> dict:
    good = {
        "sensor-type": "wind",
        "sensor-location": "JFK",
        "sensor-name": "speed",
        "sensor-range": "7d",
        "detail-points": 1000,
    }
    return body(client, "detail-graph.figure", **good | values)


# The document


def test_the_dashboards_begin_with_the_first_page_and_keep_the_query(client: FlaskClient) -> None:
    answer = client.get("/dash/?type=wind")
    assert answer.status_code == 302
    assert answer.location == "/dash/sensors?type=wind"


def test_a_document_is_complete_before_any_script_runs(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    assert "<title>Sensors · Timestack</title>" in page
    assert 'name="viewport"' in page
    assert '<html lang="en">' in page


def test_every_file_comes_from_this_server_and_is_there(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) > 10
    for address in addresses:
        assert address.startswith("/"), address
        assert not address.startswith("//"), address
        assert client.get(address).status_code == 200, address


def test_no_script_of_ours_stands_in_the_document(client: FlaskClient) -> None:
    page = client.get("/dash/sensors").text
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>(.*?)</script>", page)
    assert inline == ["var renderer = new DashRenderer();"]


def test_an_address_that_is_no_page_is_a_404_in_the_frame_of_the_dashboards(
    client: FlaskClient,
) -> None:
    answer = client.get("/dash/no-such-page")
    assert answer.status_code == 404
    assert "react-entry-point" in answer.text
    route = {"path": "/dash/no-such-page", "search": "", "width": 1000}
    shown = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert shown.status_code == 200
    assert "no-such-page" in shown.text
    assert '"role":"alert"' in shown.text


def test_under_a_prefix_every_address_has_it(prefixed: FlaskClient) -> None:
    answer = prefixed.get("/timestack/dash/")
    assert answer.location == "/timestack/dash/sensors"
    page = prefixed.get(answer.location).text
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/timestack/"), address
    layout = json.dumps(prefixed.get("/timestack/dash/_dash-layout").get_json())
    for href in re.findall(r'"href": "([^"#]+)"', layout):
        assert href.startswith("/timestack/"), href


def test_two_applications_in_one_process_each_have_their_callbacks(make_app) -> None:
    first, second = signed_in(make_app()), signed_in(make_app())
    callbacks = first.get("/dash/_dash-dependencies").get_json()
    assert callbacks
    assert second.get("/dash/_dash-dependencies").get_json() == callbacks


# Requests that no page sends


@pytest.mark.parametrize("given", [[], {}, "x", 1, {"output": "a.b"}, {"output": ["page"]}])
def test_a_request_without_a_callback_is_refused(client: FlaskClient, given: Any) -> None:
    assert client.post(UPDATE, json=given).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": []},
        {"inputs": "x"},
        {"inputs": [{"id": "sensor-type"}]},
        {"state": [{"id": "other", "property": "data", "value": 1}]},
        {"outputs": {"id": "page", "property": "children"}},
        {"outputs": None},
        {"changedPropIds": 5},
    ],
)
def test_a_request_of_another_shape_is_refused(client: FlaskClient, change: dict) -> None:
    assert client.post(UPDATE, json=choice(client) | change).status_code == 400


@pytest.mark.parametrize("id", ["sensor-type", "sensor-location", "sensor-name", "sensor-range"])
@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, [], ["JFK"], {"$ne": None}, "x" * 201, "a\0b", "\ud800"]
)
def test_a_choice_that_is_no_text_is_refused_before_the_database_is_asked(
    client: FlaskClient, id: str, value: Any
) -> None:
    # The database is away: had it been asked, the answer would be a page that says so.
    assert client.post(UPDATE, json=choice(client, **{id: value})).status_code == 400


@pytest.mark.parametrize("points", [None, True, "9", 1.5, [], {}])
def test_a_number_of_points_that_is_none_is_refused(client: FlaskClient, points: Any) -> None:
    assert client.post(UPDATE, json=choice(client, **{"detail-points": points})).status_code == 400


@pytest.mark.parametrize(
    "route",
    [
        None,
        "/dash/sensors",
        {"path": "/dash/sensors", "search": ""},
        {"path": "/dash/sensors", "search": None, "width": 1000},
        {"path": "/dash/sensors", "search": "", "width": "1000"},
        {"path": "/dash/sensors", "search": "?a=b" + "&a=b" * 50, "width": 1000},
        {"path": "/dash/\ud800", "search": "", "width": 1000},
    ],
)
def test_an_address_of_another_shape_is_refused(client: FlaskClient, route: Any) -> None:
    answer = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert answer.status_code == 400


# The database away


def test_without_the_database_a_page_says_so_with_the_request_id_and_offers_to_retry(
    client: FlaskClient,
) -> None:
    route = {"path": "/dash/sensors", "search": "?type=wind", "width": 1000}
    answer = client.post(UPDATE, json=body(client, "page.children", route=route))
    assert answer.status_code == 200
    changes = answer.get_json()["sideUpdate"]
    assert changes["page"]["children"] is None
    said = str(changes["alert"])
    assert "The database does not answer" in said
    assert answer.headers["X-Request-Id"] in said
    assert "Retry" in said
    assert "psycopg" not in answer.text


def test_without_the_database_a_choice_leaves_the_charts_as_they_are(client: FlaskClient) -> None:
    answer = client.post(UPDATE, json=choice(client))
    assert answer.status_code == 200
    assert answer.get_json()["response"] == {}
    assert "The database does not answer" in answer.text


# Ranges


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        ("all", "2013-01-01T06:00", "2013-12-30T23:00"),
        ("1d", "2013-12-29T23:00", "2013-12-30T23:00"),
        ("7d", "2013-12-23T23:00", "2013-12-30T23:00"),
        ("1m", "2013-11-30T23:00", "2013-12-30T23:00"),
        ("2013-03-01T00:00:00Z/2013-03-08T00:00:00Z", "2013-03-01", "2013-03-08"),
        ("2013-03-01T00:00:00+02:00/2013-03-02T00:00:00Z", "2013-02-28T22:00", "2013-03-02"),
        ("2012-01-01T00:00:00Z/2013-03-08T00:00:00Z", "2013-01-01T06:00", "2013-03-08"),
        ("1999-01-01T00:00:00Z/1999-03-08T00:00:00Z", "2013-01-01T06:00", "2013-12-30T23:00"),
    ],
)
def test_a_range_counts_back_from_the_last_reading_and_ends_within_the_history(
    span: str, start: str, end: str
) -> None:
    assert window(span, EXTENT) == charts.Window(at(start), at(end))


def test_a_month_before_the_31st_of_march_is_the_last_of_february() -> None:
    extent = Extent(at("2013-01-01"), at("2013-03-31T12:00"))
    assert window("1m", extent).start == at("2013-02-28T12:00")


def test_a_history_shorter_than_the_range_is_shown_whole() -> None:
    extent = Extent(at("2013-03-31T10:00"), at("2013-03-31T12:00"))
    assert window("7d", extent) == charts.Window(extent.first, extent.last)


@pytest.mark.parametrize(
    "span",
    [
        "",
        "2y",
        "1d; drop table readings",
        "2013-03-01/2013-03-08",
        "2013-03-08T00:00:00Z/2013-03-01T00:00:00Z",
        "2013-03-01T00:00:00Z",
        "a/b",
        "1/2/3",
        "99999-01-01T00:00:00Z/99999-01-02T00:00:00Z",
    ],
)
def test_what_is_no_range_is_refused_with_what_would_be_one(span: str) -> None:
    with pytest.raises(UnknownRangeError, match="use one of 1d, 7d, 1m, all"):
        window(span, EXTENT)


# Charts


def traces(figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_a_missing_reading_leaves_a_hole_in_the_line() -> None:
    hours = series("2013-03-01", [1, 2, np.nan, 4, 5], HOUR, None)
    figure = charts.detail(
        SENSOR, hours, hours, charts.Window(at("2013-03-01"), at("2013-03-02")), EXTENT, "r"
    )
    line = traces(figure)["mean (mph)"]
    y = list(line.y)
    assert y[y.index(2.0) : y.index(4.0) + 1] == [2.0, None, 4.0]
    assert not line.connectgaps


def test_a_reading_alone_between_two_holes_is_a_dot() -> None:
    days = series("2013-03-01", [1, 2, np.nan, 7, np.nan, 4, 5], DAY, DAY)
    line = traces(charts.daily(SENSOR, days, EXTENT))["mean (mph)"]
    dots = [value for value, size in zip(line.y, line.marker.size, strict=True) if size]
    assert dots == [7.0]


def test_the_step_of_readings_with_more_holes_than_neighbours_is_that_of_neighbours() -> None:
    calm = [np.nan] * 2
    gusts = series("2013-12-24", [29, 26, *calm, 23, *calm, 26, *calm, 35, 31], HOUR, None)
    assert charts.usual_step(gusts) == HOUR
    week = charts.Window(at("2013-12-23"), at("2013-12-30"))
    line = traces(charts.detail(SENSOR, gusts, gusts, week, EXTENT, "r"))["mean (mph)"]
    shown = list(line.y)
    assert shown[shown.index(29) :][:10] == [29, 26, None, 23, None, 26, None, 35, 31, None]


def test_a_clock_that_trembles_opens_no_hole() -> None:
    time = np.datetime64("2013-03-05", "us") + np.cumsum([0, 998, 1003, 1001, 997]) * 1000
    values = np.ones(5)
    trembling = Series((1,), time, values, values, values, None)
    week = charts.Window(at("2013-03-04"), at("2013-03-11"))
    line = traces(charts.detail(SENSOR, trembling, trembling, week, EXTENT, "r"))["mean (mph)"]
    assert list(line.y) == [*[1.0] * 5, None]


def test_the_band_closes_at_a_hole_and_begins_again_after_it() -> None:
    days = series("2013-03-01", [1, 2, np.nan, 4, 5], DAY, DAY)
    band = traces(charts.daily(SENSOR, days, EXTENT))["minimum to maximum"]
    assert list(band.y) == [2, 3, 1, 0, None, 5, 6, 4, 3, None]


def test_around_what_is_in_view_stand_the_days_and_no_line_joins_them() -> None:
    days = series("2013-03-01", list(range(10)), DAY, DAY)
    hours = series("2013-03-05", [50.0] * 24, HOUR, None)
    figure = charts.detail(
        SENSOR, hours, days, charts.Window(at("2013-03-05"), at("2013-03-05T23:00")), EXTENT, "r"
    )
    y = list(traces(figure)["mean (mph)"].y)
    assert y == [0, 1, 2, 3, None, *[50.0] * 24, None, 5, 6, 7, 8, 9, None]


def test_the_height_follows_the_values_in_view() -> None:
    hours = series("2013-03-05", [10.0, 20.0, 900.0], HOUR, None)
    figure = charts.detail(
        SENSOR, hours, hours, charts.Window(at("2013-03-05"), at("2013-03-05T01:00")), EXTENT, "r"
    )
    low, high = figure.layout.yaxis.range
    assert 8 < low < 10
    assert 20 < high < 22


def test_hovering_tells_a_reading_apart_from_a_mean() -> None:
    day = charts.Window(at("2013-03-05"), at("2013-03-06"))
    hours = series("2013-03-05", [6.90468], HOUR, None)
    raw = charts.detail(SENSOR, hours, hours, day, EXTENT, "r")
    assert traces(raw)["mean (mph)"].text[0] == "<b>6.9 mph</b>"
    days = charts.daily(SENSOR, series("2013-03-05", [6.90468], DAY, DAY), EXTENT)
    assert traces(days)["mean (mph)"].text[0] == "<b>6.9 mph</b> mean, 5.9 to 7.9"


def test_an_axis_names_the_sensor_and_its_unit_and_time_is_utc() -> None:
    layout = charts.daily(SENSOR, series("2013-03-05", [1.0, 2.0], DAY, DAY), EXTENT).layout
    assert layout.yaxis.title.text == "Speed (mph)"
    assert "UTC" in layout.xaxis.title.text
