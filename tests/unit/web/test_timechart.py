"""What a time chart is made of, whatever page it is on: ranges, figures, captions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from timestack.dash.timechart.caption import between, points
from timestack.dash.timechart.download import FORMATS, address, menu
from timestack.dash.timechart.figure import blank, daily, detail, tail, usual_step
from timestack.dash.timechart.line import Band, Line, Rows
from timestack.dash.timechart.ranges import UnknownRangeError, Window, window
from timestack.series import encode
from timestack.series.extent import Extent
from timestack.series.query import Series

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXTENT = Extent(datetime(2013, 1, 1, 6, tzinfo=UTC), datetime(2013, 12, 30, 23, tzinfo=UTC))


def read_nothing(*_: object) -> Series:
    raise AssertionError("drawing reads nothing")


LINE = Line("Speed, JFK", "mph", read_nothing, EXTENT, "Speed", (HOUR, DAY))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def series(start: str, values: list[float], step: timedelta, bucket: timedelta | None) -> Series:
    """Values one ``step`` apart; NaN is a time that has no row."""
    there = [index for index, value in enumerate(values) if not np.isnan(value)]
    time = np.array([np.datetime64(start, "us") + np.timedelta64(step) * i for i in there])
    mean = np.array([values[i] for i in there], dtype=float)
    spread = 1.0 if bucket else 0.0
    return Series((1,), time.astype("datetime64[us]"), mean - spread, mean + spread, mean, bucket)


# Ranges


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        ("all", "2013-01-01T06:00", "2013-12-30T23:00"),
        ("1d", "2013-12-29T23:00", "2013-12-30T23:00"),
        ("7d", "2013-12-23T23:00", "2013-12-30T23:00"),
        ("1m", "2013-11-30T23:00", "2013-12-30T23:00"),
        ("PT5400S", "2013-12-30T21:30", "2013-12-30T23:00"),
        ("PT99999999999S", "2013-01-01T06:00", "2013-12-30T23:00"),
        ("2013-03-01T00:00:00Z/2013-03-08T00:00:00Z", "2013-03-01", "2013-03-08"),
        ("2013-03-01T00:00:00+02:00/2013-03-02T00:00:00Z", "2013-02-28T22:00", "2013-03-02"),
        ("2012-01-01T00:00:00Z/2013-03-08T00:00:00Z", "2013-01-01T06:00", "2013-03-08"),
        ("1999-01-01T00:00:00Z/1999-03-08T00:00:00Z", "2013-01-01T06:00", "2013-12-30T23:00"),
    ],
)
def test_a_range_counts_back_from_the_last_reading_and_ends_within_the_history(
    span: str, start: str, end: str
) -> None:
    assert window(span, EXTENT) == Window(at(start), at(end))


def test_a_month_before_the_31st_of_march_is_the_last_of_february() -> None:
    extent = Extent(at("2013-01-01"), at("2013-03-31T12:00"))
    assert window("1m", extent).start == at("2013-02-28T12:00")


def test_a_history_shorter_than_the_range_is_shown_whole() -> None:
    extent = Extent(at("2013-03-31T10:00"), at("2013-03-31T12:00"))
    assert window("7d", extent) == Window(extent.first, extent.last)


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
        "PT0S",
        "PT1H",
        "PT-5S",
        "PT٣S",
        "PT999999999999S",
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
    figure = detail(LINE, hours, hours, Window(at("2013-03-01"), at("2013-03-02")), "r")
    line = traces(figure)["mean (mph)"]
    y = list(line.y)
    assert y[y.index(2.0) : y.index(4.0) + 1] == [2.0, None, 4.0]
    assert not line.connectgaps


def test_a_reading_alone_between_two_holes_is_a_dot() -> None:
    days = series("2013-03-01", [1, 2, np.nan, 7, np.nan, 4, 5], DAY, DAY)
    line = traces(daily(LINE, days))["mean (mph)"]
    dots = [value for value, size in zip(line.y, line.marker.size, strict=True) if size]
    assert dots == [7.0]


def test_the_step_of_readings_with_more_holes_than_neighbours_is_that_of_neighbours() -> None:
    calm = [np.nan] * 2
    gusts = series("2013-12-24", [29, 26, *calm, 23, *calm, 26, *calm, 35, 31], HOUR, None)
    assert usual_step(gusts) == HOUR
    week = Window(at("2013-12-23"), at("2013-12-30"))
    line = traces(detail(LINE, gusts, gusts, week, "r"))["mean (mph)"]
    shown = list(line.y)
    assert shown[shown.index(29) :][:10] == [29, 26, None, 23, None, 26, None, 35, 31, None]


def test_a_clock_that_trembles_opens_no_hole() -> None:
    time = np.datetime64("2013-03-05", "us") + np.cumsum([0, 998, 1003, 1001, 997]) * 1000
    values = np.ones(5)
    trembling = Series((1,), time, values, values, values, None)
    week = Window(at("2013-03-04"), at("2013-03-11"))
    line = traces(detail(LINE, trembling, trembling, week, "r"))["mean (mph)"]
    assert list(line.y) == [*[1.0] * 5, None]


def test_the_band_closes_at_a_hole_and_begins_again_after_it() -> None:
    days = series("2013-03-01", [1, 2, np.nan, 4, 5], DAY, DAY)
    band = traces(daily(LINE, days))["minimum to maximum"]
    assert list(band.y) == [2, 3, 1, 0, None, 5, 6, 4, 3, None]


def test_around_what_is_in_view_stand_the_days_and_no_line_joins_them() -> None:
    days = series("2013-03-01", list(range(10)), DAY, DAY)
    hours = series("2013-03-05", [50.0] * 24, HOUR, None)
    figure = detail(LINE, hours, days, Window(at("2013-03-05"), at("2013-03-05T23:00")), "r")
    y = list(traces(figure)["mean (mph)"].y)
    assert y == [0, 1, 2, 3, None, *[50.0] * 24, None, 5, 6, 7, 8, 9, None]


def test_the_height_follows_the_values_in_view() -> None:
    hours = series("2013-03-05", [10.0, 20.0, 900.0], HOUR, None)
    figure = detail(LINE, hours, hours, Window(at("2013-03-05"), at("2013-03-05T01:00")), "r")
    low, high = figure.layout.yaxis.range
    assert 8 < low < 10
    assert 20 < high < 22


def test_hovering_tells_a_reading_apart_from_a_mean() -> None:
    day = Window(at("2013-03-05"), at("2013-03-06"))
    hours = series("2013-03-05", [6.90468], HOUR, None)
    raw = detail(LINE, hours, hours, day, "r")
    assert traces(raw)["mean (mph)"].text[0] == "<b>6.9 mph</b>"
    days = daily(LINE, series("2013-03-05", [6.90468], DAY, DAY))
    assert traces(days)["mean (mph)"].text[0] == "<b>6.9 mph</b> mean, 5.9 to 7.9"


def test_an_axis_names_the_quantity_and_its_unit_and_time_is_utc() -> None:
    layout = daily(LINE, series("2013-03-05", [1.0, 2.0], DAY, DAY)).layout
    assert layout.yaxis.title.text == "Speed (mph)"
    assert "UTC" in layout.xaxis.title.text


def test_a_figure_has_no_colour_of_its_own() -> None:
    hours = series("2013-03-05", [1.0, 2.0], HOUR, None)
    day = Window(at("2013-03-05"), at("2013-03-06"))
    for figure in (detail(LINE, hours, hours, day, "r"), daily(LINE, hours), blank("No data yet")):
        assert "color" not in figure.to_json()


def test_a_tail_is_drawn_as_the_rest_is_and_knows_a_hole_by_the_usual_step() -> None:
    hours = series("2013-03-05", [1, np.nan, np.nan, 4, 5], HOUR, None)
    day = Window(at("2013-03-05"), at("2013-03-06"))
    drawn = tail(LINE, hours, HOUR, day)
    band, line = drawn.data
    assert list(line.y) == [1.0, None, 4.0, 5.0, None]
    assert list(line.marker.size) == [5, 0, 0, 0, 0]
    assert list(band.y) == []
    assert drawn.layout.yaxis.range == detail(LINE, hours, hours, day, "r").layout.yaxis.range
    nothing = series("2013-03-05", [], HOUR, None)
    assert tail(LINE, nothing, HOUR, day).layout.yaxis.range is None


def test_what_stands_out_is_a_band_within_the_view_with_its_thresholds_in_a_tail_as_well() -> None:
    day = Window(at("2013-03-05"), at("2013-03-06"))
    bands = [
        Band(at("2013-03-04"), at("2013-03-05T03:00"), "heat", high=30.0),
        Band(at("2013-03-05T20:00"), None, "silent"),
    ]
    line = replace(LINE, bands=lambda *view: bands if view == (day.start, day.end) else [])
    hours = series("2013-03-05", [1.0, 2.0], HOUR, None)
    drawn = detail(line, hours, hours, day, "r")
    assert [(each.name, each.x0, each.x1, each.y0) for each in drawn.layout.shapes] == [
        ("band", "2013-03-05 00:00:00", "2013-03-05 03:00:00", 0),
        ("threshold", "2013-03-05 00:00:00", "2013-03-05 03:00:00", 30.0),
        ("band", "2013-03-05 20:00:00", "2013-03-06 00:00:00", 0),
    ]
    assert [each.label.text for each in drawn.layout.shapes if each.name == "band"] == [
        "heat",
        "silent",
    ]
    assert tail(line, hours, HOUR, day).layout.shapes == drawn.layout.shapes
    assert "color" not in drawn.to_json()


def test_times_within_a_second_are_told_apart() -> None:
    quick = series("2013-03-05T10:00:00", [1.0] * 5, HOUR / 14400, None)
    day = Window(at("2013-03-05"), at("2013-03-06"))
    x = traces(detail(LINE, quick, quick, day, "r"))["mean (mph)"].x
    assert x[:2] == ("2013-03-05T10:00:00.000", "2013-03-05T10:00:00.250")


# Downloads


def test_an_address_of_rows_has_the_keys_and_the_range_with_its_last_row(make_app) -> None:
    rows = Rows("test_runs", {"host": "a&b", "suite": ["x", "y"]})
    seen = Window(at("2013-03-05"), at("2013-03-06"))
    with make_app().test_request_context():
        assert address(rows, seen) == (
            "/api/v1/export/test_runs?key.host=a%26b&key.suite=x&key.suite=y"
            "&start=2013-03-05T00%3A00%3A00Z&end=2013-03-06T00%3A00%3A00.000001Z"
        )
        assert address(None, seen) is None


def test_a_menu_offers_each_format_there_is() -> None:
    assert set(FORMATS) == set(encode.FORMATS)


def test_a_chart_whose_rows_are_not_known_has_no_menu() -> None:
    assert menu(str, None).hidden
    assert not menu(str, "/api/v1/export/readings?").hidden


# Captions


def test_a_caption_of_less_than_an_hour_has_seconds() -> None:
    start = at("2013-03-05T10:00:07")
    assert between(start, start + HOUR / 2) == "5 Mar 2013 10:00:07 to 5 Mar 2013 10:30:07 UTC"
    assert between(start, start + HOUR) == "5 Mar 2013 10:00 to 5 Mar 2013 11:00 UTC"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (series("2013-03-05", [1.0] * 168, HOUR, None), "168 hourly readings"),
        (series("2013-03-05", [1.0] * 5, 3 * HOUR, None), "5 readings, every 3 h"),
        (series("2013-03-05", [1.0], HOUR, None), "1 reading"),
        (series("2013-03-05", [], HOUR, None), "0 readings"),
        (series("2013-03-05", [1.0] * 1200, HOUR, HOUR), "1,200 points from the hourly rollup"),
        (
            series("2013-03-05", [1.0] * 9, 2 * DAY, 2 * DAY),
            "9 points, every 2 d, from the daily rollup",
        ),
        (
            series("2013-03-05", [1.0] * 9, HOUR / 4, HOUR / 4),
            "9 points, every 15 min, from the readings",
        ),
    ],
)
def test_a_caption_says_what_the_points_are(given: Series, text: str) -> None:
    assert points(given, LINE.levels) == text
