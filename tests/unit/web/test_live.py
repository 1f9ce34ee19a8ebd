"""What a live chart reads again, and what it says, without a database or a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from werkzeug.exceptions import BadRequest

from timestack.dash.timechart import live
from timestack.dash.timechart.line import Line
from timestack.dash.timechart.live import Shown, after, news, read, shown, tail
from timestack.dash.timechart.ranges import Window
from timestack.series.extent import Extent
from timestack.series.query import Series

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POINTS = 1000


def series(times: list[datetime], bucket: timedelta | None, values: Any = 1.0) -> Series:
    time = np.array([each.replace(tzinfo=None) for each in times], dtype="datetime64[us]")
    mean = np.broadcast_to(np.asarray(values, dtype=float), time.shape)
    return Series((1,), time, mean, mean, mean, bucket)


def every(step: timedelta, count: int, end: datetime = NOON) -> list[datetime]:
    return [end - step * number for number in reversed(range(count))]


class Rows:
    """A line of rows, of which a chart reads as it does from a hypertable without a rollup."""

    def __init__(self, times: list[datetime]):
        self.times = times
        self.asked: list[tuple] = []

    @property
    def line(self) -> Line:
        return Line("Air", "°C", self.read, Extent(self.times[0], self.times[-1]))

    def read(self, start: datetime, end: datetime, points: int) -> Series:
        self.asked.append((start, end, points))
        found = series([each for each in self.times if start <= each <= end], None)
        if len(found) <= 2 * points:
            return found
        step = (end + timedelta(microseconds=1) - start) / points
        return live._gathered(found, start, step)


def window(length: timedelta, end: datetime = NOON) -> Window:
    return Window(end - length, end)


def test_of_readings_the_last_ones_are_read_again_and_what_follows() -> None:
    rows = Rows(every(MINUTE, 300))
    before = shown(rows.read(*every(HOUR, 2), POINTS), window(HOUR))
    assert before.since == NOON - 4 * MINUTE
    rows.times += [NOON + MINUTE, NOON + 2 * MINUTE]
    found = tail(rows.line, before, window(HOUR, NOON + 2 * MINUTE), POINTS)
    assert rows.asked[-1] == (before.since, NOON + 2 * MINUTE, POINTS)
    assert len(found) == 7
    assert after(before, found).since == NOON - 2 * MINUTE


def test_of_buckets_so_many_are_asked_for_that_they_are_as_wide_as_those_there_are() -> None:
    rows = Rows(every(SECOND, 7200))
    there = Shown(NOON - 2 * MINUTE, MINUTE, MINUTE, NOON, 60)
    found = tail(rows.line, there, window(HOUR), POINTS)
    assert rows.asked[-1] == (there.since, NOON + MINUTE - timedelta(microseconds=1), 3)
    assert found.bucket == MINUTE
    assert len(found) == 3


def test_rows_too_few_for_buckets_are_made_the_buckets_that_are_shown() -> None:
    rows = Rows(every(MINUTE / 2, 100))
    there = Shown(NOON - 2 * MINUTE, MINUTE, MINUTE, NOON, 60)
    found = tail(rows.line, there, window(HOUR), POINTS)
    assert found.bucket == MINUTE
    assert found.time.tolist() == [
        each.replace(tzinfo=None) for each in (NOON - 2 * MINUTE, NOON - MINUTE, NOON)
    ]


def test_buckets_of_rows_have_their_least_greatest_and_mean_and_no_missing_value() -> None:
    times = [NOON, NOON + MINUTE, NOON + HOUR, NOON + HOUR + MINUTE]
    found = live._gathered(series(times, None, [1, 3, 5, np.nan]), NOON, HOUR)
    assert [each.tolist() for each in (found.min, found.max, found.mean)] == [
        [1.0, 5.0],
        [3.0, 5.0],
        [2.0, 5.0],
    ]
    assert len(live._gathered(series([], None), NOON, HOUR)) == 0


def test_behind_a_hole_only_what_follows_it_is_read_again() -> None:
    times = [*every(MINUTE, 50, NOON - HOUR), NOON - MINUTE, NOON]
    assert shown(series(times, None), window(3 * HOUR)).since == NOON - MINUTE


def test_of_one_second_all_readings_are_read_again() -> None:
    times = every(SECOND / 4, 100, NOON + SECOND / 2)
    assert shown(series(times, None), window(HOUR)).since == NOON - SECOND


def test_a_bucket_that_began_before_is_not_taken_for_a_whole_one() -> None:
    tenths = timedelta(milliseconds=400)
    begun = NOON - timedelta(milliseconds=200)

    def from_the_bucket(*_: Any) -> Series:
        return series([begun, begun + tenths, begun + 2 * tenths], tenths)

    line = Line("Air", "°C", from_the_bucket, Extent(NOON - HOUR, NOON + SECOND))
    there = Shown(NOON, tenths, tenths, NOON, 10)
    found = tail(line, there, window(HOUR, NOON + SECOND), POINTS)
    assert found.time.min() == np.datetime64((begun + tenths).replace(tzinfo=None))


@pytest.mark.parametrize(
    "change",
    [
        # The range has moved on by more than half of itself.
        {"end": NOON - 31 * MINUTE},
        # Rows at the end are gone.
        {"end": NOON + MINUTE},
        {"since": NOON + MINUTE},
        # More points than a screen is wide.
        {"since": NOON - 21 * HOUR},
        {"count": 3 * POINTS + 1},
        # One reading, whose step is not known.
        {"bucket": None, "step": None},
        # It is read at another resolution by now.
        {"bucket": None},
    ],
)
def test_otherwise_all_is_read_again(change: dict) -> None:
    rows = Rows(every(SECOND, 7200))
    given = {"since": NOON - HOUR, "bucket": MINUTE, "step": MINUTE, "end": NOON, "count": 60}
    assert tail(rows.line, Shown(**given), window(HOUR), POINTS) is not None
    assert tail(rows.line, Shown(**given | change), window(HOUR), POINTS) is None


def test_what_is_sent_comes_back_as_it_was() -> None:
    there = Shown(NOON, timedelta(milliseconds=400), 3 * HOUR, NOON + HOUR, 5)
    assert there.sent()["since"] == "2026-03-01T12:00:00Z"
    assert read({"shown": there.sent(), "turn": 3}) == there
    assert read({"shown": None}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"since": None},
        {"since": "2026-03-01T12:00:00"},
        {"since": "0001-01-01T00:00:00+05:00"},
        {"since": "10000-01-01T00:00:00Z"},
        {"bucket": "PT0S"},
        {"bucket": "-P1D"},
        {"bucket": "P40000D"},
        {"bucket": "P1000000000D"},
        {"step": []},
        {"count": -1},
        {"count": float("nan")},
        {"end": {}},
    ],
)
def test_what_no_chart_sends_is_refused(change: dict) -> None:
    good = Shown(NOON, MINUTE, MINUTE, NOON, 5).sent()
    with pytest.raises(BadRequest, match="what it shows"):
        read({"shown": good | change})


@pytest.mark.parametrize("asked", [None, [], "x", 1, {}, {"shown": []}, {"shown": {}}])
def test_a_question_of_another_shape_is_refused(asked: Any) -> None:
    with pytest.raises(BadRequest, match="what it shows"):
        read(asked)


def test_the_latest_time_and_the_widest_bucket_have_an_end() -> None:
    last = datetime(9900, 1, 1, tzinfo=UTC) - SECOND
    widest = timedelta(days=36_500)
    line = Line("Air", "°C", lambda *_: series([last], widest), Extent(last - 99 * widest, last))
    there = Shown(last, widest, widest, last, 5)
    assert len(tail(line, there, Window(line.extent.first, last), POINTS)) == 1


def test_it_says_when_nothing_new_came_for_longer_than_usual() -> None:
    now = datetime.now(UTC)
    assert news(now - 2 * SECOND, SECOND).startswith("newest reading ")
    assert news(now - 2 * HOUR, HOUR).startswith("newest reading ")
    assert news(now - 2 * HOUR, MINUTE).startswith("no new readings since ")
    old = datetime(2013, 12, 30, 23, tzinfo=UTC)
    assert news(old, HOUR) == "no new readings since 30 Dec 2013 23:00 UTC"
    assert news(old + 5 * SECOND, HOUR).endswith("23:00:05 UTC")
    assert news(now + HOUR, None).startswith("newest reading ")
