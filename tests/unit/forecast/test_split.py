"""Which days are learned from and judged by, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.unit.forecast.making import ask, day, walk
from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.errors import ForecastError
from timestack.domains.forecast.labels import rises
from timestack.domains.forecast.split import (
    FEWEST_TEST,
    FEWEST_TRAIN,
    check_outcomes,
    fewest_train,
    split,
)

READY = 62
DAYS = 400
WALK = walk(1, DAYS)
# The first and the last index at which two folds may be split.
EARLIEST, LATEST = READY + FEWEST_TRAIN + 1, DAYS - 1 - FEWEST_TEST


def at(index: int) -> date:
    return WALK.day[index].item()


def refused(daily: Daily, **given: object) -> str:
    with pytest.raises(ForecastError) as caught:
        split(daily, READY, ask(daily, 100, **given))
    return str(caught.value)


def test_the_label_of_each_train_row_is_of_a_day_before_the_test_part() -> None:
    parts = split(WALK, READY, ask(WALK, 100))
    rows = np.arange(DAYS)
    assert rows[parts.train][0] == READY
    assert rows[parts.train][-1] + 1 == parts.first - 1
    # Each day of the test part that has a next one.
    assert rows[parts.test].tolist() == list(range(DAYS - 101, DAYS - 1))


def test_a_test_start_at_a_weekend_is_the_next_day_of_trading() -> None:
    monday = next(day for day in map(at, range(200, 210)) if day.weekday() == 0)
    starts = [monday - timedelta(days) for days in (2, 1, 0)]
    found = {split(WALK, READY, ask(WALK, 1, test_start=start)).first for start in starts}
    assert [at(first) for first in found] == [monday]


@pytest.mark.parametrize("folds", [2, 8])
@pytest.mark.parametrize("gap", [1, 60])
def test_the_first_and_the_last_start_that_are_named_are_accepted(folds: int, gap: int) -> None:
    daily = walk(1, 1200)
    given = {"folds": folds, "gap": gap}
    text = refused(daily, test_start=daily.day[0].item(), **given)
    earliest = day(text.split("choose a test start from ")[1][:10])
    text = refused(daily, test_start=day("2030-01-01"), **given)
    latest = day(text.split("choose a test start up to ")[1][:10])
    for start in (earliest, latest):
        split(daily, READY, ask(daily, 1, test_start=start, **given))
    for start in (earliest - timedelta(1), latest + timedelta(1)):
        assert f"{earliest}" in refused(daily, test_start=start, **given) or f"{latest}" in refused(
            daily, test_start=start, **given
        )


@pytest.mark.parametrize("start", ["1999-12-31", "2000-01-03"])
def test_a_test_start_before_the_data_or_at_its_beginning_is_refused(start: str) -> None:
    text = refused(WALK, test_start=day(start))
    assert f"cannot start on {start}" in text
    assert "begin on 2000-01-03" in text
    assert f"from {at(EARLIEST)} on" in text


def test_a_test_start_after_the_data_is_refused() -> None:
    text = refused(WALK, test_start=at(-1) + timedelta(1))
    assert f"end on {at(-1)}" in text
    assert f"up to {at(LATEST)}." in text


def test_too_few_days_to_learn_from_are_refused_with_both_numbers() -> None:
    text = refused(WALK, test_start=at(EARLIEST - 1))
    assert f"has {FEWEST_TRAIN - 1} days to learn from" in text
    assert f"at least {FEWEST_TRAIN}" in text
    assert f"from {at(EARLIEST)} on" in text
    assert "has 0 days to learn from" in refused(WALK, test_start=at(1))


def test_too_few_days_to_judge_by_are_refused_with_both_numbers() -> None:
    text = refused(WALK, test_start=at(LATEST + 1))
    assert f"has {FEWEST_TEST - 1} days to judge the model by" in text
    assert f"up to {at(LATEST)}." in text
    assert "has 0 days to judge" in refused(WALK, test_start=at(-1))


@pytest.mark.parametrize("days", [0, 1, 10, 223])
def test_too_few_days_are_refused_whatever_the_test_start(days: int) -> None:
    daily = Daily(*(values[:days] for values in WALK))
    with pytest.raises(ForecastError) as caught:
        split(daily, READY, ask(WALK, 100))
    needed = READY + FEWEST_TRAIN + FEWEST_TEST + 2
    assert f"has {days} day" in str(caught.value)
    assert f"takes at least {needed}: " in str(caught.value)


def test_as_many_days_as_are_asked_for_are_enough() -> None:
    daily = walk(1, READY + FEWEST_TRAIN + FEWEST_TEST + 2)
    split(daily, READY, ask(daily, FEWEST_TEST))


def test_constant_prices_are_refused() -> None:
    still = walk(1, DAYS, np.zeros(DAYS))
    assert "never changes" in refused(still)


@pytest.mark.parametrize(("change", "words"), [(0.01, "every day"), (-0.01, "no day")])
def test_a_train_part_with_one_outcome_is_refused(change: float, words: str) -> None:
    steady = np.full(DAYS, change)
    steady[-80:] *= -1
    daily = walk(1, DAYS, steady)
    parts = split(daily, READY, ask(daily, 90))
    with pytest.raises(ForecastError, match=f"the price rises on {words}, .*later test start"):
        check_outcomes(rises(daily.close), daily, parts)


def test_more_folds_and_longer_gaps_take_more_days() -> None:
    assert fewest_train(2, 1) == FEWEST_TRAIN
    assert fewest_train(8, 60) == 9 * 80
