"""What charts are made of in the browser: ranges, holes, figures, captions, zones, what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import at_a_desk
from tests.stack import ROOT

pytestmark = [pytest.mark.database, pytest.mark.browser]

ASSETS = ROOT / "services" / "web" / "timestack" / "dash" / "assets"
SCRIPTS = ("layout", "zone", "series", "ranges", "words", "curve", "figure")
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
EXTENT = ("2013-01-01T06:00", "2013-12-30T23:00")
LEVELS = [3600, 86400]
SKELETON = {
    "lines": [{"label": "JFK", "key": {}}],
    "unit": "mph",
    "axis": "Speed (mph)",
    "levels": LEVELS,
}
Ask = Callable[..., Any]


@pytest.fixture(scope="module", params=["UTC"])
def ask(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Calls a function of the page in a browser of a time zone, which it has for its own."""
    with at_a_desk(browser, timezone_id=request.param) as context:
        page = context.new_page()
        for name in SCRIPTS:
            page.add_script_tag(path=ASSETS / f"{name}.js")

        def ask(function: str, *given: Any) -> Any:
            return page.evaluate("([name, given]) => eval(name)(...given)", [function, given])

        yield ask


def at(text: str) -> float:
    """The milliseconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


def part(start: str, values: list[float | None], step: timedelta, bucket: timedelta | None) -> dict:
    """Values one ``step`` apart; None is a time that has no row."""
    width = step.total_seconds() * 1000
    there = [index for index, value in enumerate(values) if value is not None]
    mean = [values[index] for index in there]
    spread = 1 if bucket else 0
    return {
        "time": [at(start) + width * index for index in there],
        "min": [value - spread for value in mean],
        "mean": mean,
        "max": [value + spread for value in mean],
        "bucket": bucket and bucket.total_seconds() * 1000,
    }


def detail(ask: Ask, inner: dict, start: str, end: str, **more: Any) -> dict:
    given = {
        "skeleton": SKELETON,
        "parts": [inner],
        "outer": None,
        "view": [at(start), at(end)],
        "extent": [at(each) for each in EXTENT],
        "bands": [],
        "revision": "r",
        "moved": "",
    }
    return ask("timestack.figure.detail", {**given, **more})


def daily(ask: Ask, days: dict) -> dict:
    given = {"skeleton": SKELETON, "parts": [days], "extent": [at(each) for each in EXTENT]}
    return ask("timestack.figure.daily", given)


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
        ("2012-01-01T00:00:00Z/2013-03-08T00:00:00Z", "2013-01-01T06:00", "2013-03-08"),
        ("1999-01-01T00:00:00Z/1999-03-08T00:00:00Z", "2013-01-01T06:00", "2013-12-30T23:00"),
    ],
)
def test_a_range_counts_back_from_the_last_reading_and_ends_within_the_history(
    ask: Ask, span: str, start: str, end: str
) -> None:
    extent = [at(each) for each in EXTENT]
    assert ask("timestack.ranges.meant", span, extent) == [at(start), at(end)]


def test_a_month_before_the_31st_of_march_is_the_last_of_february(ask: Ask) -> None:
    extent = [at("2013-01-01"), at("2013-03-31T12:00")]
    assert ask("timestack.ranges.meant", "1m", extent)[0] == at("2013-02-28T12:00")


def test_a_history_shorter_than_the_range_is_shown_whole_and_an_instant_within_a_day(
    ask: Ask,
) -> None:
    extent = [at("2013-03-31T10:00"), at("2013-03-31T12:00")]
    assert ask("timestack.ranges.meant", "7d", extent) == extent
    assert ask("timestack.ranges.widened", extent) == extent
    instant = [at("2013-03-31T12:00")] * 2
    assert ask("timestack.ranges.widened", instant) == [at("2013-03-31"), at("2013-04-01")]


# Answers


def test_an_answer_is_taken_apart_by_its_keys_and_its_times_by_steps_or_deltas(ask: Ask) -> None:
    numbers = {name: [1, None, 3] for name in ("min", "mean", "max")}
    answer = {
        "bucket": 0.5,
        "series": [
            {"key": {"id": 1}, "time": {"unit": "ms", "start": 1000, "step": 500}, **numbers},
            {"key": {"id": 2}, "time": {"unit": "us", "start": 1500, "deltas": [1, 2]}, **numbers},
        ],
    }
    two, one = ask("timestack.parts.decoded", answer, [{"id": 2}, {"id": 1}])
    assert (two["time"], one["time"]) == ([1.5, 1.501, 1.503], [1000, 1500, 2000])
    assert (one["mean"], one["bucket"]) == ([1, None, 3], 500)
    nothing = {name: [] for name in ("min", "mean", "max")}
    empty = {"key": {}, "time": {"unit": "ms", "start": None, "step": 0}, **nothing}
    [none] = ask("timestack.parts.decoded", {"bucket": None, "series": [empty]}, [{}])
    assert none["time"] == []


# Figures


def test_a_missing_reading_leaves_a_hole_in_the_line(ask: Ask) -> None:
    hours = part("2013-03-01", [1, 2, None, 4, 5], HOUR, None)
    _, line = detail(ask, hours, "2013-03-01", "2013-03-02")["data"]
    assert line["y"] == [1, 2, None, 4, 5, None]
    assert line["x"][:3] == ["2013-03-01 00:00:00", "2013-03-01 01:00:00", None]
    assert "connectgaps" not in line


def test_a_reading_alone_between_two_holes_is_a_dot(ask: Ask) -> None:
    days = part("2013-03-01", [1, 2, None, 7, None, 4, 5], DAY, DAY)
    _, line = daily(ask, days)["data"]
    dots = [
        value
        for value, size in zip(line["y"], line["marker"]["size"], strict=True)
        if size and value
    ]
    assert (dots, line["mode"]) == ([7], "lines+markers")
    _, line = daily(ask, part("2013-03-01", [1, 2, 3], DAY, DAY))["data"]
    assert line["mode"] == "lines"


def test_the_step_of_readings_with_more_holes_than_neighbours_is_that_of_neighbours(
    ask: Ask,
) -> None:
    calm = [None] * 2
    gusts = part("2013-12-24", [29, 26, *calm, 23, *calm, 26, *calm, 35, 31], HOUR, None)
    assert ask("timestack.parts.usualStep", gusts) == HOUR.total_seconds() * 1000
    _, line = detail(ask, gusts, "2013-12-23", "2013-12-30")["data"]
    assert line["y"] == [29, 26, None, 23, None, 26, None, 35, 31, None]


def test_a_clock_that_trembles_opens_no_hole(ask: Ask) -> None:
    seconds = part("2013-03-05", [1] * 5, timedelta(seconds=1), None)
    for index, off in enumerate((0, -2, 1, 2, -1)):
        seconds["time"][index] += off
    _, line = detail(ask, seconds, "2013-03-04", "2013-03-11")["data"]
    assert line["y"] == [1, 1, 1, 1, 1, None]


def test_the_band_closes_at_a_hole_and_begins_again_after_it(ask: Ask) -> None:
    days = part("2013-03-01", [1, 2, None, 4, 5], DAY, DAY)
    band, _ = daily(ask, days)["data"]
    assert band["y"] == [2, 3, 1, 0, None, 5, 6, 4, 3, None]
    # A bucket of rows without a number is no part of it.
    days["min"][0] = days["mean"][0] = days["max"][0] = None
    band, line = daily(ask, days)["data"]
    assert band["y"] == [3, 1, None, 5, 6, 4, 3, None]
    assert line["y"][0] is None


def test_around_what_is_in_view_are_the_days_and_no_line_joins_them(ask: Ask) -> None:
    days = part("2013-03-01", list(range(10)), DAY, DAY)
    hours = part("2013-03-05", [50] * 24, HOUR, None)
    _, line = detail(ask, hours, "2013-03-05", "2013-03-05T23:00", outer=[days])["data"]
    assert line["y"] == [0, 1, 2, 3, None, *[50] * 24, None, 5, 6, 7, 8, 9, None]


def test_the_height_follows_the_values_in_view(ask: Ask) -> None:
    hours = part("2013-03-05", [10, 20, 900], HOUR, None)
    low, high = detail(ask, hours, "2013-03-05", "2013-03-05T01:00")["layout"]["yaxis"]["range"]
    assert 8 < low < 10
    assert 20 < high < 22
    # A row some microseconds behind the end of the view is the last one in it.
    hours["time"][1] += 0.9
    shown = detail(ask, hours, "2013-03-05", "2013-03-05T01:00")
    assert shown["layout"]["yaxis"]["range"] == [low, high]


@pytest.mark.parametrize(
    ("value", "low", "high"), [(5, 4.7, 5.3), (0, 0, 0.06), (-2, -2.12, -1.88)]
)
def test_a_line_that_never_changes_has_room_around_it(
    ask: Ask, value: float, low: float, high: float
) -> None:
    hours = part("2013-03-05", [value] * 3, HOUR, None)
    drawn = detail(ask, hours, "2013-03-05", "2013-03-06")
    assert drawn["layout"]["yaxis"]["range"] == pytest.approx([low, high])


def test_nothing_in_view_is_drawn_as_nothing(ask: Ask) -> None:
    drawn = detail(ask, part("2013-03-05", [], HOUR, None), "2013-03-05", "2013-03-06")
    assert drawn["layout"]["yaxis"]["range"] == [0, 1]
    assert drawn["data"][1]["y"] == []


def test_hovering_tells_a_reading_apart_from_a_mean(ask: Ask) -> None:
    hours = part("2013-03-05", [6.90468], HOUR, None)
    _, line = detail(ask, hours, "2013-03-05", "2013-03-06")["data"]
    assert line["text"][0] == "<b>6.9 mph</b>"
    assert line["hovertemplate"] == "%{text}<extra></extra>"
    _, line = daily(ask, part("2013-03-05", [6.90468], DAY, DAY))["data"]
    assert line["text"][0] == "<b>6.9 mph</b> mean, 5.9 to 7.9"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.891, "1,234,567.89"), (20, "20"), (0.123456, "0.1235"), (-0.5, "-0.5"), (0, "0")],
)
def test_a_number_has_two_decimals_or_four_digits(ask: Ask, value: float, text: str) -> None:
    assert ask("timestack.words.number", value) == text


def test_an_axis_names_the_quantity_and_its_unit_and_time_its_zone(ask: Ask) -> None:
    layout = daily(ask, part("2013-03-05", [1, 2], DAY, DAY))["layout"]
    assert layout["yaxis"]["title"]["text"] == "Speed (mph)"
    assert layout["xaxis"]["title"]["text"] == "Time (UTC)"
    hours = part("2013-03-05", [1, 2], HOUR, None)
    drawn = detail(ask, hours, "2013-03-05", "2013-03-06")
    assert drawn["layout"]["xaxis"]["hoverformat"] == "%a %d %b %Y, %H:%M UTC"
    seconds = part("2013-03-05", [1, 2], timedelta(seconds=5), None)
    drawn = detail(ask, seconds, "2013-03-05", "2013-03-06")
    assert drawn["layout"]["xaxis"]["hoverformat"] == "%a %d %b %Y, %H:%M:%S UTC"


def test_a_figure_has_no_colour_of_its_own(ask: Ask) -> None:
    hours = part("2013-03-05", [1, 2], HOUR, None)
    drawn = [
        detail(ask, hours, "2013-03-05", "2013-03-06"),
        daily(ask, hours),
        ask("timestack.layout.blank", "No data yet"),
    ]
    assert "color" not in str(drawn)


def test_lines_of_one_chart_differ_by_their_dashes_and_are_named_as_they_are(ask: Ask) -> None:
    lines = [{"label": f"<b>{n}</b> 100 %{{y}}", "key": {}} for n in range(6)]
    hours = part("2013-03-05", [1, 2], HOUR, None)
    skeleton = {**SKELETON, "lines": lines}
    drawn = detail(
        ask, {}, "2013-03-05", "2013-03-06", skeleton=skeleton, parts=[hours for _ in lines]
    )
    shown = drawn["data"][1::2]
    assert len({each["line"]["dash"] for each in shown}) == len(lines)
    assert [each["meta"] for each in shown] == [0, 1, 2, 3, 4, 5]
    for each in shown:
        assert "<b>" not in each["name"]
        assert "%{y}" not in each["hovertemplate"]


def test_what_stands_out_is_a_band_within_the_view_with_its_thresholds(ask: Ask) -> None:
    bands = [
        {"start": "2013-03-04T00:00:00Z", "end": "2013-03-05T03:00:00Z", "label": "heat",
         "levels": [30.0]},
        {"start": "2013-03-05T20:00:00Z", "end": None, "label": "silent", "levels": []},
        {"start": "2013-03-01T20:00:00Z", "end": "2013-03-02T20:00:00Z", "label": "over",
         "levels": []},
    ]  # fmt: skip
    hours = part("2013-03-05", [1, 2], HOUR, None)
    shapes = detail(ask, hours, "2013-03-05", "2013-03-06", bands=bands)["layout"]["shapes"]
    assert [(each["name"], each["x0"], each["x1"], each["y0"]) for each in shapes] == [
        ("band", "2013-03-05 00:00:00", "2013-03-05 03:00:00", 0),
        ("threshold", "2013-03-05 00:00:00", "2013-03-05 03:00:00", 30),
        ("band", "2013-03-05 20:00:00", "2013-03-06 00:00:00", 0),
    ]
    assert [each["label"]["text"] for each in shapes if each["name"] == "band"] == [
        "heat",
        "silent",
    ]


def test_times_within_a_second_are_told_apart(ask: Ask) -> None:
    quick = part("2013-03-05T10:00:00", [1] * 5, HOUR / 14400, None)
    _, line = detail(ask, quick, "2013-03-05", "2013-03-06")["data"]
    assert line["x"][:2] == ["2013-03-05 10:00:00", "2013-03-05 10:00:00.250"]


# Captions


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (part("2013-03-05", [1] * 168, HOUR, None), "168 hourly readings"),
        (part("2013-03-05", [1] * 5, 3 * HOUR, None), "5 readings, every 3 h"),
        (part("2013-03-05", [1], HOUR, None), "1 reading"),
        (part("2013-03-05", [], HOUR, None), "0 readings"),
        (part("2013-03-05", [1] * 1200, HOUR, HOUR), "1,200 points from the hourly rollup"),
        (part("2013-03-05", [1] * 9, 2 * DAY, 2 * DAY),
         "9 points, every 2 d, from the daily rollup"),
        (part("2013-03-05", [1] * 9, HOUR / 4, HOUR / 4),
         "9 points, every 15 min, from the readings"),
        (part("2013-03-05", [1] * 9, HOUR / 14400, HOUR / 14400),
         "9 points, every 0.25 s, from the readings"),
    ],
)  # fmt: skip
def test_a_caption_says_what_the_points_are_and_from_when_to_when(
    ask: Ask, given: dict, text: str
) -> None:
    view = [at("2013-03-05"), at("2013-03-12T01:00")]
    between = "5 Mar 2013 00:00 to 12 Mar 2013 01:00 UTC"
    assert ask("timestack.words.caption", [given], LEVELS, view) == f"{text}, {between}"


def test_a_caption_of_less_than_an_hour_has_seconds(ask: Ask) -> None:
    start = at("2013-03-05T10:00:07")
    half, whole = (start + HOUR.total_seconds() * 1000 * part for part in (0.5, 1))
    short = "5 Mar 2013 10:00:07 to 5 Mar 2013 10:30:07 UTC"
    assert ask("timestack.zone.between", start, half) == short
    long = "5 Mar 2013 10:00 to 5 Mar 2013 11:00 UTC"
    assert ask("timestack.zone.between", start, whole) == long


def test_it_says_when_nothing_new_came_for_longer_than_usual(ask: Ask) -> None:
    now = datetime.now(UTC).timestamp() * 1000

    def news(newest: float, step: timedelta | None) -> str:
        return ask("timestack.words.news", newest, step and step.total_seconds() * 1000)

    hours = 2 * HOUR.total_seconds() * 1000
    assert news(now - 2000, timedelta(seconds=1)).startswith("newest reading ")
    assert news(now - hours, HOUR).startswith("newest reading ")
    assert news(now - hours, MINUTE).startswith("no new readings since ")
    assert news(at("2013-12-30T23:00"), HOUR) == "no new readings since 30 Dec 2013 23:00 UTC"
    assert news(at("2013-12-30T23:00:05"), HOUR).endswith("23:00:05 UTC")
    assert news(now + hours, None).startswith("newest reading ")


# What is new


def test_the_last_points_of_each_line_are_read_again_and_an_ended_one_holds_nothing_up(
    ask: Ask,
) -> None:
    minutes = part("2013-03-05T10:00", [1] * 60, MINUTE, None)
    hours = part("2013-03-05", [1] * 10, HOUR, None)
    ended = part("2013-03-01", [1] * 10, HOUR, None)
    view = [at("2013-03-05"), at("2013-03-05T11:00")]
    since = "timestack.parts.since"
    assert ask(since, [minutes], view) == at("2013-03-05T10:55")
    assert ask(since, [minutes, hours], view) == at("2013-03-05T05:00")
    assert ask(since, [minutes, ended], view) == at("2013-03-05T10:55")
    assert ask(since, [ended], view) is None
    assert ask(since, [part("2013-03-05", [], HOUR, None)], view) is None


def test_what_is_new_takes_the_place_of_what_was_there_from_then_on(ask: Ask) -> None:
    before = part("2013-03-05", [1, 2, 3, 4], HOUR, HOUR)
    added = part("2013-03-05T02:00", [5, None, 7], HOUR, HOUR)
    now = ask("timestack.parts.continued", before, at("2013-03-05T02:00"), added)
    assert now["mean"] == [1, 2, 5, 7]
    assert now["time"][-1] == at("2013-03-05T04:00")


# Zones


@pytest.mark.parametrize("ask", ["Europe/Berlin"], indirect=True)
def test_in_the_reader_s_zone_all_times_are_what_its_clocks_show(ask: Ask) -> None:
    options, chosen = ask("dash_clientside.timestack.zones")
    assert [each["label"] for each in options] == ["UTC", "Europe/Berlin"]
    assert chosen == "utc"
    hours = part("2013-07-05", [1, 2], HOUR, None)
    drawn = detail(ask, hours, "2013-07-05", "2013-07-06")
    assert drawn["data"][1]["x"][0] == "2013-07-05 00:00:00"

    ask("((chosen) => { dash_clientside.timestack.repaint = () => {};"
        " dash_clientside.timestack.zoned(chosen); })", "own")  # fmt: skip
    drawn = detail(ask, hours, "2013-07-05", "2013-07-06")
    assert drawn["data"][1]["x"][0] == "2013-07-05 02:00:00"
    assert drawn["layout"]["xaxis"]["range"] == ["2013-07-05 02:00:00", "2013-07-06 02:00:00"]
    assert drawn["layout"]["xaxis"]["hoverformat"].endswith("%H:%M Europe/Berlin")
    winter = part("2013-01-05", [1, 2], HOUR, None)
    assert detail(ask, winter, "2013-01-05", "2013-01-06")["data"][1]["x"][0].endswith("01:00:00")
    between = ask("timestack.zone.between", at("2013-07-05"), at("2013-07-06"))
    assert between == "5 Jul 2013 02:00 to 6 Jul 2013 02:00 Europe/Berlin"
    # What Plotly says of an axis comes back as the time that it is.
    for text in ("2013-07-05T13:37:02", "2013-01-05T13:37:02", "2013-03-31T01:00"):
        assert ask("timestack.zone.parsed", ask("timestack.zone.plotted", at(text))) == at(text)


@pytest.mark.parametrize("ask", ["Europe/Berlin"], indirect=True)
def test_where_the_clocks_go_back_the_line_begins_again(ask: Ask) -> None:
    ask("((chosen) => { dash_clientside.timestack.repaint = () => {};"
        " dash_clientside.timestack.zoned(chosen); })", "own")  # fmt: skip
    halves = part("2013-10-26T23:30", [1, 2, 3, 4, 5], HOUR / 2, None)
    _, line = detail(ask, halves, "2013-10-26", "2013-10-28")["data"]
    clocks = [each and each[11:16] for each in line["x"]]
    assert clocks == ["01:30", "02:00", "02:30", None, "02:00", "02:30", None]
