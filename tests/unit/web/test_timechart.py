"""What the server says of a time chart, whatever page it is on: its skeleton, ranges, downloads.

How it is drawn is the browser's: tests/integration/db/test_chart_scripts.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from timestack.dash.timechart.download import FORMATS, menu
from timestack.dash.timechart.line import Band, Line
from timestack.dash.timechart.ranges import RANGES, UnknownRangeError, known
from timestack.dash.timechart.skeleton import sent, skeleton, title
from timestack.series import encode
from timestack.series.extent import Extent

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EXTENT = Extent(at("2013-01-01T06:00"), at("2013-12-30T23:00"))
LINE = Line("Speed, JFK", "mph", "readings", {"sensor_id": 1}, EXTENT, "Speed", levels=(HOUR, DAY))
OTHER = replace(
    LINE,
    title="Speed, LGA",
    keys={"sensor_id": 2},
    extent=Extent(at("2012-01-01"), at("2013-02-01")),
    label="LGA",
)


# Ranges


@pytest.mark.parametrize(
    ("span", "meant"),
    [
        *((each, each) for each in RANGES),
        ("PT5400S", "PT5400S"),
        ("PT99999999999S", "PT99999999999S"),
        (
            "2013-03-01T00:00:00Z/2013-03-08T00:00:00Z",
            "2013-03-01T00:00:00Z/2013-03-08T00:00:00Z",
        ),
        (
            "2013-03-01T00:00:00+02:00/2013-03-02T00:00:00Z",
            "2013-02-28T22:00:00Z/2013-03-02T00:00:00Z",
        ),
    ],
)
def test_a_range_is_a_button_seconds_or_two_instants_which_leave_in_utc(
    span: str, meant: str
) -> None:
    assert known(span) == meant


@pytest.mark.parametrize(
    "span",
    [
        "",
        "2y",
        "1d; drop table readings",
        "2013-03-01/2013-03-08",
        "2013-03-08T00:00:00Z/2013-03-01T00:00:00Z",
        "2013-03-08T00:00:00Z/2013-03-08T00:00:00Z",
        "2013-03-01T00:00:00Z",
        "a/b",
        "PT0S",
        "PT1H",
        "PT-5S",
        "PT٣S",
        "PT999999999999S",
        "1/2/3",
        "0001-01-01T00:00:00+05:00/2013-03-08T00:00:00Z",
        "99999-01-01T00:00:00Z/99999-01-02T00:00:00Z",
    ],
)
def test_what_is_no_range_is_refused_with_what_would_be_one(span: str) -> None:
    with pytest.raises(UnknownRangeError, match="use one of 1d, 7d, 1m, all"):
        known(span)


# Skeletons


@pytest.fixture
def app(make_app) -> Flask:
    return make_app()


def test_a_skeleton_says_what_the_browser_asks_for_and_how_it_is_called(app: Flask) -> None:
    line = replace(LINE, keys={"host": "a&b", "suite": "x"}, value="seconds", over_keys="each")
    with app.test_request_context():
        assert skeleton([line]) == {
            "title": "Speed, JFK",
            "lines": [{"label": "Speed, JFK", "key": {"host": "a&b", "suite": "x"}}],
            "unit": "mph",
            "axis": "Speed (mph)",
            "series": "/api/v1/series?table=readings&key.host=a%26b&key.suite=x&over_keys=each"
            "&value=seconds",
            "rows": "/api/v1/export/readings?key.host=a%26b&key.suite=x",
            "extent": ["2013-01-01T06:00:00+00:00", "2013-12-30T23:00:00+00:00"],
            "levels": [3600.0, 86400.0],
            "bands": False,
        }
    assert title([line]) == "Speed, JFK"


def test_under_a_prefix_its_addresses_have_it(make_app) -> None:
    with make_app().test_request_context(base_url="https://localhost/timestack"):
        made = skeleton([LINE])
    assert made["series"].startswith("/timestack/api/v1/series?")
    assert made["rows"].startswith("/timestack/api/v1/export/readings?")


def test_several_lines_are_asked_for_at_once_over_the_time_of_all_of_them(app: Flask) -> None:
    with app.test_request_context():
        made = skeleton([LINE, OTHER])
        assert "key.sensor_id=1&key.sensor_id=2" in made["series"]
        assert [each["label"] for each in made["lines"]] == ["Speed, JFK", "LGA"]
        assert made["extent"] == ["2012-01-01T00:00:00+00:00", "2013-12-30T23:00:00+00:00"]
        assert made["axis"] == "Speed (mph)"
        assert skeleton([LINE, replace(OTHER, quantity="Gust")])["axis"] == "mph"
    assert title([LINE, OTHER, OTHER]) == "Speed, JFK and 2 more"


@pytest.mark.parametrize(
    "change", [{"unit": "m/s"}, {"table": "power"}, {"value": "watts"}, {"over_keys": "sum"}]
)
def test_lines_that_no_one_request_can_read_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="one value of one table, in one unit"):
        skeleton([LINE, replace(OTHER, **change)])


def test_a_line_without_rows_has_no_extent_and_one_of_all_rows_no_keys(app: Flask) -> None:
    with app.test_request_context():
        assert skeleton([replace(LINE, extent=None)])["extent"] is None
        assert skeleton([replace(LINE, extent=None), OTHER])["extent"][0].startswith("2012")
        assert skeleton([replace(LINE, keys={})])["rows"] == "/api/v1/export/readings?"


def test_what_stands_out_leaves_with_its_thresholds() -> None:
    bands = [
        Band(at("2013-03-04"), None, "heat", high=30.0),
        Band(at("2013-03-04"), EXTENT.last, ""),
    ]
    assert sent(bands) == [
        {"start": "2013-03-04T00:00:00+00:00", "end": None, "label": "heat", "levels": [30.0]},
        {
            "start": "2013-03-04T00:00:00+00:00",
            "end": "2013-12-30T23:00:00+00:00",
            "label": "",
            "levels": [],
        },
    ]


# Downloads


def test_a_menu_offers_each_format_there_is_once_there_are_rows() -> None:
    assert set(FORMATS) == set(encode.FORMATS)
    assert menu(str).hidden
