"""Features know nothing of later days, and compare over years and splits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.forecast.making import walk
from timestack.domains.forecast import asked
from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.features import USUAL_DAYS, table
from timestack.domains.forecast.labels import rises

WALK = walk(1, 300)


def until(daily: Daily, days: int) -> Daily:
    return Daily(*(values[:days] for values in daily))


@pytest.mark.parametrize("group", asked.FEATURES)
def test_a_row_is_the_same_whatever_days_come_after(group: str) -> None:
    """Exactly: not one digit of a day's row needs a day that comes later."""
    whole = table(WALK, [group]).values
    for days in (100, 177, 299):
        np.testing.assert_array_equal(table(until(WALK, days), [group]).values, whole[:days])


@pytest.mark.parametrize("group", asked.FEATURES)
def test_columns_are_numbers_from_where_they_are_said_to_be(group: str) -> None:
    names, values, ready = table(WALK, [group])
    assert values.shape == (300, len(names))
    assert np.isfinite(values[ready:]).all()
    assert np.isnan(values[ready - 1]).any()


def test_all_groups_together_are_ready_when_the_last_is() -> None:
    names, values, ready = table(WALK, asked.FEATURES)
    assert len(set(names)) == len(names) == values.shape[1]
    assert ready == USUAL_DAYS + 12


def test_lags_are_the_returns_of_the_days_before() -> None:
    names, values, _ = table(WALK, ["returns"])
    assert names == [f"return, lag {lag}" for lag in range(1, 6)]
    day = 200
    for lag in range(1, 6):
        now, before = WALK.close[day - lag + 1], WALK.close[day - lag]
        assert values[day, lag - 1] == pytest.approx(np.log(now / before))


def test_a_split_that_the_prices_are_adjusted_for_changes_no_feature() -> None:
    """Two shares for one, later: all earlier prices are halved, and all volumes doubled."""
    halved = Daily(WALK.day, *(values / 2 for values in WALK[1:5]), WALK.volume * 2)
    before, after = (table(each, asked.FEATURES).values for each in (WALK, halved))
    # But for the digits of logarithms: all else is the same to the last one.
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)


def test_a_price_that_doubled_over_years_has_features_of_the_same_size() -> None:
    grown = walk(2, 2000, 0.012 * np.random.default_rng(2).standard_normal(2000) + 0.002)
    assert grown.close[-1] > 10 * grown.close[0]
    values = table(grown, asked.FEATURES).values[100:]
    early, late = values[:900].std(axis=0), values[-900:].std(axis=0)
    assert late / early == pytest.approx(np.ones(len(early)), abs=0.25)


def test_days_without_any_volume_are_numbers() -> None:
    still = WALK._replace(volume=np.zeros(300))
    values, ready = table(still, asked.FEATURES)[1:]
    assert np.isfinite(values[ready:]).all()


@pytest.mark.parametrize("days", [0, 1, 2, 10, 40])
def test_few_days_make_rows_without_numbers(days: int) -> None:
    values = table(until(WALK, days), asked.FEATURES).values
    assert len(values) == days
    assert np.isnan(values).any(axis=1).all()


def test_a_label_is_whether_the_next_close_is_higher() -> None:
    assert rises(np.array([1.0, 2, 2, 1, 3])).tolist() == [True, False, False, True]
    assert rises(np.array([1.0])).tolist() == []
