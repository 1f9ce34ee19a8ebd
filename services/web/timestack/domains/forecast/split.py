"""Which days a model is trained on, and on which it is judged.

Row ``t`` is what is known at the close of day ``t``, and its label is the price of day ``t + 1``.
The test part begins at ``first``; rows of the train part end with ``first - 2``, whose label is of
the day before it. So neither a feature nor a label of the train part has seen a price of the test
part, and the row between the two, whose label is its first price, is in neither.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np

from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.errors import ForecastError
from timestack.domains.jobs.kinds import ForecastParams

# Below this, what a model learns is an accident: a hundred days are five months.
FEWEST_TRAIN = 100
# What the first and smallest part that a fold trains on has at least.
FEWEST_FOLD = 20
# A quarter of a year. Of walks without any rule, 3 in 100 seem to show skill on so short a test
# part, 5 on a month, and 1 on a year.
FEWEST_TEST = 60


class Split(NamedTuple):
    """Days by their index: train rows are ``begin <= t < end``, test rows ``first <= t < last``.

    ``last`` is the last day: it has no label. ``end`` is ``first - 1``.
    """

    begin: int
    end: int
    first: int
    last: int

    @property
    def train(self) -> slice:
        """The rows of the train part."""
        return slice(self.begin, self.end)

    @property
    def test(self) -> slice:
        """The rows of the test part."""
        return slice(self.first, self.last)


def fewest_train(folds: int, gap: int) -> int:
    """Return how many train rows it takes so that each part of each fold has FEWEST_FOLD."""
    return max(FEWEST_TRAIN, (folds + 1) * (FEWEST_FOLD + gap))


def split(daily: Daily, ready: int, asked: ForecastParams) -> Split:
    """Return the parts, whose rows begin at the index ``ready``; raises ForecastError.

    A test start on a day without trading means the next day of trading.
    """
    days = len(daily.day)
    fewest = fewest_train(asked.folds, asked.gap)
    earliest = ready + fewest + 1
    latest = days - 1 - FEWEST_TEST
    if earliest > latest:
        _refuse_length(daily, asked, ready, fewest)
    if daily.close.min() == daily.close.max():
        raise ForecastError(
            f"The price of {asked.symbol} never changes, so there is nothing to learn: choose "
            "another ticker, or load its prices again if they are wrong."
        )
    _refuse_start(daily, asked, earliest, latest)
    first = int(np.searchsorted(daily.day, np.datetime64(asked.test_start, "D")))
    train, test = first - 1 - ready, days - 1 - first
    if train < fewest:
        raise ForecastError(
            f"The part before {asked.test_start} has {_count(max(train, 0))} to learn from, and "
            f"{_folds(asked)} take at least {fewest:,}: choose a test start from "
            f"{_day(daily, earliest)} on, or fewer folds or a shorter gap."
        )
    if test < FEWEST_TEST:
        raise ForecastError(
            f"The part from {asked.test_start} on has {_count(test)} to judge the model by, and it "
            f"takes at least {FEWEST_TEST}: choose a test start up to {_day(daily, latest)}."
        )
    return Split(ready, first - 1, first, days - 1)


def check_outcomes(rose: np.ndarray, daily: Daily, parts: Split) -> None:
    """Refuse a train part whose labels are all the same; raises ForecastError."""
    labels = rose[parts.train]
    if labels.all() or not labels.any():
        each = "every day" if labels.all() else "no day"
        raise ForecastError(
            f"From {_day(daily, parts.begin)} until {_day(daily, parts.end)} the price rises on "
            f"{each}, so there are no two outcomes to tell apart: choose a later test start, or "
            "another ticker."
        )


def _refuse_length(daily: Daily, asked: ForecastParams, ready: int, fewest: int) -> None:
    """Refuse prices of which no test start makes a forecast."""
    raise ForecastError(
        f"{asked.symbol} has {_count(len(daily.day))} of prices, and this forecast takes at least "
        f"{ready + fewest + FEWEST_TEST + 2:,}: {ready} that the features begin with, {fewest:,} "
        f"to learn from in {_folds(asked)}, and {FEWEST_TEST} to judge the model by. Load more "
        "prices, or choose fewer folds, a shorter gap or other features."
    )


def _refuse_start(daily: Daily, asked: ForecastParams, earliest: int, latest: int) -> None:
    """Refuse a test start outside of the prices."""
    start, begin, end = asked.test_start, _day(daily, 0), _day(daily, -1)
    if start <= begin:
        raise ForecastError(
            f"The test part cannot start on {start}, since the prices of {asked.symbol} begin on "
            f"{begin} and a model needs days before it to learn from: choose a test start from "
            f"{_day(daily, earliest)} on."
        )
    if start > end:
        raise ForecastError(
            f"The test part cannot start on {start}, since the prices of {asked.symbol} end on "
            f"{end}: choose a test start up to {_day(daily, latest)}."
        )


def _folds(asked: ForecastParams) -> str:
    return f"{asked.folds} folds with a gap of {_count(asked.gap)}"


def _count(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _day(daily: Daily, index: int) -> date:
    return daily.day[index].item()
