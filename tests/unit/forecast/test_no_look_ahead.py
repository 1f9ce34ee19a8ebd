"""Nothing that is learned before the split depends on a price from there on.

Prices of the test part are shuffled, shifted and replaced, its first day's alone as well; then all
that was made of the days before must be the same to the last digit. Models that do look ahead show
that the comparison can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.forecast.making import ask, walk
from timestack.domains.forecast import asked, classifiers
from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.train import Prepared, learn, prepare
from timestack.progress import unwatched

DAYS, TEST = 330, 90
FIRST = DAYS - 1 - TEST
WALK = walk(3, DAYS)
LONG = timedelta(minutes=10)


def shuffled(values: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).permutation(values)


def shifted(values: np.ndarray) -> np.ndarray:
    return np.roll(values, -1)


def replaced(values: np.ndarray) -> np.ndarray:
    return values * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.05, len(values))))


def first_alone(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[:1] * 3, values[1:]])


CHANGES = [shuffled, shifted, replaced, first_alone]
Make = Callable[[Daily, object], Prepared]


def with_future(change: Callable[[np.ndarray], np.ndarray]) -> Daily:
    """The walk, but that all values from the first day of the test part on are others."""
    return WALK._replace(
        **{
            name: np.concatenate([values[:FIRST], change(values[FIRST:])])
            for name, values in WALK._asdict().items()
            if name != "day"
        }
    )


def known(daily: Daily, make: Make, **given: object) -> dict[str, object]:
    """All that is made of the days before the split."""
    question = ask(WALK, TEST, **given)
    prepared = make(daily, question)
    learned = learn(prepared, question, unwatched, LONG)
    rows = prepared.rows[prepared.parts.train]
    scaler = learned.model["scale"]
    return {
        "parts": prepared.parts,
        "features": prepared.rows[:FIRST],
        "labels": prepared.rose[prepared.parts.train],
        "mean": scaler.mean_,
        "scale": scaler.scale_,
        "search": learned.search,
        "predictions": learned.model.predict(rows),
    }


def differences(one: dict[str, object], other: dict[str, object]) -> set[str]:
    return {
        name
        for name, value in one.items()
        if not (
            np.array_equal(value, other[name], equal_nan=value.dtype.kind == "f")
            if isinstance(value, np.ndarray)
            else value == other[name]
        )
    }


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four settings of each classifier, and small forests: the same way through, in less time."""
    for name, choice in classifiers.CHOICES.items():
        grid = {
            setting: tuple(dict.fromkeys((choice.default[setting], *values)))[:2]
            for setting, values in list(choice.grid.items())[:2]
        }
        grid |= {name: (choice.default[name],) for name in choice.grid if name not in grid}
        fixed = dict(choice.fixed)
        if "n_estimators" in fixed:
            fixed["n_estimators"] = 10
        monkeypatch.setitem(classifiers.CHOICES, name, replace(choice, grid=grid, fixed=fixed))


@pytest.mark.parametrize("classifier", asked.CLASSIFIERS)
@pytest.mark.usefixtures("cheap")
def test_the_future_changes_nothing_that_is_learned(classifier: str) -> None:
    given = {"classifier": classifier, "tuning": True}
    before = known(WALK, prepare, **given)
    assert before["search"].tried == before["search"].of > 1
    assert len(set(before["predictions"].tolist())) == 2
    for change in CHANGES:
        future = with_future(change)
        assert (future.close[FIRST:] != WALK.close[FIRST:]).any()
        assert differences(before, known(future, prepare, **given)) == set(), change


def leaking_feature(days: int) -> Make:
    """A column that is the return of so many days ahead."""

    def make(daily: Daily, question: object) -> Prepared:
        prepared = prepare(daily, question)
        ahead = np.roll(np.diff(np.log(daily.close), prepend=np.nan), -days)
        return prepared._replace(rows=np.column_stack([prepared.rows, ahead]))

    return make


def leaking_label(daily: Daily, question: object) -> Prepared:
    """One row more to learn from: its label is the first price of the test part."""
    prepared = prepare(daily, question)
    return prepared._replace(parts=prepared.parts._replace(end=prepared.parts.first))


def leaking_scale(daily: Daily, question: object) -> Prepared:
    """Columns less their means over all days."""
    prepared = prepare(daily, question)
    return prepared._replace(rows=prepared.rows - np.nanmean(prepared.rows, axis=0))


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (leaking_feature(1), {"features"}),
        (leaking_feature(2), {"features", "mean", "scale"}),
        (leaking_label, {"labels"}),
        (leaking_scale, {"features", "mean"}),
    ],
    ids=["tomorrow", "the day after", "label", "scale"],
)
def test_what_looks_ahead_is_found_out(make: Make, seen: set[str]) -> None:
    # The first price after a fall is a rise, so that its label is another one.
    fall = with_future(lambda values: values * 0.5)
    rise = with_future(lambda values: values * 2)
    assert differences(known(fall, make), known(rise, make)) >= seen


def test_who_sees_tomorrow_is_always_right() -> None:
    """What a leak would look like on the page, and that the rows themselves have none."""
    question = ask(WALK, TEST)
    honest, leaking = (make(WALK, question) for make in (prepare, leaking_feature(1)))
    rates = []
    for prepared in (honest, leaking):
        model = learn(prepared, question, unwatched, LONG).model
        test = prepared.parts.test
        rates.append(np.mean(model.predict(prepared.rows[test]) == prepared.rose[test]))
    assert rates[0] < 0.6
    assert rates[1] > 0.9
