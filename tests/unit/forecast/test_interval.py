"""Intervals by the stationary bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from timestack.domains.forecast.interval import SAMPLES, block, intervals


def noise(seed: int, days: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((days, 1))


def test_an_interval_has_the_width_that_independent_days_have() -> None:
    (found,) = intervals(noise(1, 1000), 1)
    expected = 2 * 1.96 / np.sqrt(1000)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


def test_days_that_are_like_the_day_before_have_a_wider_one() -> None:
    alike = np.repeat(noise(1, 250), 4, axis=0)
    mixed = np.random.default_rng(1).permutation(alike)
    (narrow,), (wide,) = (intervals(values, 1) for values in (mixed, alike))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_most_intervals_hold_the_truth() -> None:
    """Of 200 means of nothing: 95 % would hold it, were samples endless."""
    held = sum(
        interval.low <= 0 <= interval.high
        for seed in range(200)
        for interval in intervals(noise(seed, 60), seed)
    )
    assert 0.88 <= held / 200 <= 0.98


def test_the_same_seed_makes_the_same_interval_and_another_one_another() -> None:
    values = noise(1, 100)
    assert intervals(values, 1) == intervals(values, 1)
    assert intervals(values, 1) != intervals(values, 2)


def test_equal_days_leave_no_doubt() -> None:
    (found,) = intervals(np.full((100, 1), 0.25), 1)
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)


def test_columns_are_drawn_by_the_same_days() -> None:
    values = noise(1, 100)
    one, other = intervals(np.column_stack([values, 2 * values]), 1)
    assert (other.low, other.high) == pytest.approx((2 * one.low, 2 * one.high))


def test_blocks_grow_by_the_cube_root_and_are_a_week_at_least() -> None:
    assert [block(days) for days in (20, 125, 1000, 3375)] == [5, 5, 10, 15]
    assert SAMPLES == 2000
