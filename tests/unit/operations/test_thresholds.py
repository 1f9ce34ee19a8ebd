"""Limits, words and the forecast of the Operations page."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from timestack.domains.operations import forecast, thresholds, words
from timestack.domains.operations.check import Check, worst
from timestack.domains.operations.statements import Statement

DAY = 86_400.0
GB = 1e9


@pytest.mark.parametrize(
    ("limits", "value", "state"),
    [
        (thresholds.DISK_FREE, 0.21, "good"),
        (thresholds.DISK_FREE, 0.20, "look"),
        (thresholds.DISK_FREE, 0.10, "act"),
        (thresholds.DISK_FULL, 61 * DAY, "good"),
        (thresholds.DISK_FULL, 13 * DAY, "act"),
        (thresholds.CONNECTIONS, 0.79, "good"),
        (thresholds.CONNECTIONS, 0.80, "look"),
        (thresholds.CONNECTIONS, 1.0, "act"),
        (thresholds.CACHE_HITS, 0.99, "good"),
        (thresholds.CACHE_HITS, 0.01, "look"),
        (thresholds.FAILURES, 0, "good"),
        (thresholds.FAILURES, 1, "look"),
        (thresholds.FAILURES, 20, "act"),
        (thresholds.CERTIFICATE, 31 * DAY, "good"),
        (thresholds.CERTIFICATE, -1 * DAY, "act"),
    ],
)
def test_a_value_at_a_limit_is_as_beyond_it(
    limits: thresholds.Limits, value: float, state: str
) -> None:
    assert limits.state(value) == state


def test_limits_are_written_as_the_values_are() -> None:
    assert str(thresholds.CONNECTIONS) == "look at it from 80% on, act from 95% on"
    assert str(thresholds.DISK_FREE) == "look at it at 20% or less, act at 10% or less"
    assert str(thresholds.CACHE_HITS) == "look at it at 95% or less"
    assert str(thresholds.CERTIFICATE) == "look at it at 30 days or less, act at 7 days or less"


def test_the_worst_check_is_the_state_of_several() -> None:
    good, look = Check("a", "1"), Check("b", "2", "look")
    assert worst([good, look, Check("c", "3", "act")]) == "act"
    assert worst([good, look]) == "look"
    assert worst([]) == "good"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (8192, "8.19 kB"),
        (12_345_678, "12.3 MB"),
        (999_999_999, "1 GB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(count: float, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (1.0, "1 s"),
        (1.44, "1.4 s"),
        (59, "59 seconds"),
        (15 * 60, "15 minutes"),
        (3600, "60 minutes"),
        (2 * 3600, "2 hours"),
        (DAY, "24 hours"),
        (7 * DAY, "7 days"),
        (152 * DAY, "5 months"),
        (60 * DAY, "2 months"),
        (1000 * DAY, "3 years"),
    ],
)
def test_a_duration_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert words.about(seconds) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0%"), (0.004, "0.4%"), (0.256, "26%"), (0.9994, "99.9%"), (1, "100%")]
)
def test_a_share_shows_a_tenth_near_its_ends(part: float, text: str) -> None:
    assert words.share(part) == text


def hours(count: int) -> np.ndarray:
    return np.arange(count) * 3600.0


def test_what_shrinks_evenly_is_used_up_when_its_line_meets_zero() -> None:
    seconds = hours(240)
    left = 100 * GB - seconds / DAY * GB
    assert forecast.used_up(seconds, left) / timedelta(days=1) == pytest.approx(90, abs=0.1)


def test_odd_samples_and_missing_ones_do_not_bend_the_forecast() -> None:
    seconds = hours(240)
    left = 100 * GB - seconds / DAY * GB
    left[50:100] -= 60 * GB
    left[110:120] = np.nan
    assert forecast.used_up(seconds, left) / timedelta(days=1) == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize(
    ("count", "change"),
    [(0, -1), (1, -1), (24, -1), (240, 0), (240, 1), (240, -1e-6)],
    ids=["none", "one", "less than a day", "constant", "growing", "in centuries"],
)
def test_there_is_no_forecast_without_a_day_of_samples_that_shrink(
    count: int, change: float
) -> None:
    seconds = hours(count)
    assert forecast.used_up(seconds, 100 * GB + seconds / DAY * GB * change) is None


def test_a_disk_that_is_full_is_used_up_now() -> None:
    seconds = hours(48)
    left = np.linspace(GB, 0, 48)
    assert forecast.used_up(seconds, left) == timedelta(0)


@pytest.mark.parametrize(
    ("runs", "mean", "slow"), [(5, 1000, True), (5, 999, False), (4, 9e3, False)]
)
def test_a_statement_is_slow_in_the_mean_of_some_runs(runs: int, mean: float, slow: bool) -> None:
    made = Statement("timestack_app", runs, runs * mean, mean, 1, "select $1", None)
    assert made.slow is slow
