"""A whole forecast, from prices to a sentence."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from tests.unit.forecast.making import ask, day, planted, walk
from timestack.domains.forecast import asked
from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.errors import ForecastError
from timestack.domains.forecast.train import Trained, train
from timestack.domains.jobs.kinds import ForecastParams
from timestack.progress import unwatched

WALK = walk(1, 400)
TEST = 120
FIRST = 400 - 1 - TEST


def made(daily: Daily, question: ForecastParams) -> Trained:
    return train(daily, question, unwatched)


@pytest.mark.parametrize("classifier", asked.CLASSIFIERS)
def test_the_same_question_has_the_same_answer_to_the_last_digit(classifier: str) -> None:
    question = ask(WALK, TEST, classifier=classifier)
    one, other = made(WALK, question), made(WALK, question)
    assert one == other
    assert one.verdict.model_dump_json() == other.verdict.model_dump_json()


def test_the_days_rows_and_versions_are_told() -> None:
    found = made(WALK, ask(WALK, TEST))
    assert found.first_day == WALK.day[0].item()
    assert found.test_day == WALK.day[FIRST].item()
    assert found.last_day == WALK.day[-1].item()
    assert (found.train_rows, found.test_rows) == (FIRST - 1 - 62, TEST)
    assert set(found.versions) == {"python", "numpy", "scipy", "scikit-learn"}
    assert all(version[0].isdigit() for version in found.versions.values())


def test_the_course_is_that_of_the_test_part_day_by_day() -> None:
    found = made(WALK, ask(WALK, TEST, cost=0))
    course, verdict = found.course, found.verdict
    assert len(course.days) == len(course.prices) == 400
    assert course.split == FIRST
    assert len(course.positions) == len(course.profit) == len(course.held) == TEST + 1
    assert course.profit[0] == course.held[0] == 0
    assert course.held[-1] == pytest.approx(WALK.close[-1] / WALK.close[FIRST] - 1)
    change = WALK.close[FIRST + 1 :] / WALK.close[FIRST:-1] - 1
    worth = np.cumprod(1 + np.array(course.positions[:-1]) * change)
    assert course.profit[1:] == pytest.approx(worth - 1)
    assert (verdict.profit, verdict.held) == (course.profit[-1], course.held[-1])


def test_the_figures_agree_with_each_other() -> None:
    verdict = made(WALK, ask(WALK, TEST)).verdict
    (low_right, low_wrong), (high_wrong, high_right) = verdict.confusion
    assert low_right + low_wrong + high_wrong + high_right == TEST
    assert verdict.hit_rate == pytest.approx((low_right + high_right) / TEST)
    assert verdict.up_rate == pytest.approx((high_wrong + high_right) / TEST)
    assert verdict.edge.value == pytest.approx(verdict.hit_rate - verdict.up_rate)
    daily = (np.log1p(verdict.profit) - np.log1p(verdict.held)) / TEST
    assert verdict.excess.value == pytest.approx(daily)


def test_costs_take_from_the_profit_what_arithmetic_says() -> None:
    free, paid = (
        made(WALK, ask(WALK, TEST, positions="long-short", cost=cost)) for cost in (0, 25)
    )
    assert free.course.positions == paid.course.positions
    moved = np.abs(np.diff(free.course.positions[:-1], prepend=0))
    left = np.prod(1 - 0.0025 * moved)
    assert 1 + paid.verdict.profit == pytest.approx((1 + free.verdict.profit) * left, rel=1e-12)
    assert 1 + paid.verdict.held == pytest.approx((1 + free.verdict.held) * 0.9975, rel=1e-12)
    assert paid.verdict.trades == np.count_nonzero(moved) > 5
    assert paid.verdict.excess.value < free.verdict.excess.value


# Quick ones: a hundred forests take minutes, and all are judged by the same code.
QUICK = ("logistic", "bayes", "linear-svm")


def test_of_prices_without_a_rule_hardly_any_shows_skill() -> None:
    """Sixty walks, each judged on a year: one in a hundred is chance."""
    shown = [
        made(daily, ask(daily, 250, seed=seed, classifier=QUICK[seed % 3], positions=positions))
        for seed in range(60)
        for daily in [walk(1000 + seed, 480)]
        for positions in [("long", "long-short")[seed % 2]]
    ]
    claims = sum(each.verdict.skill for each in shown)
    print(f"skill is claimed of {claims} of {len(shown)} walks")
    assert claims <= 2
    for each in shown:
        assert each.verdict.sentence.startswith("Skill shown") == each.verdict.skill


@pytest.mark.parametrize("classifier", asked.CLASSIFIERS)
def test_a_rule_in_the_prices_is_found(classifier: str) -> None:
    """Of eight days in ten the direction is that of the day before."""
    daily = planted(1, 700, 0.8)
    found = made(daily, ask(daily, 300, classifier=classifier, features=["returns"])).verdict
    assert found.skill
    assert found.hit_rate > 0.7
    assert found.profit > found.held
    assert found.importance[0].feature == "return, lag 1"
    assert found.importance[0].mean > 0.05
    assert "One test part proves little" in found.sentence


def test_importance_has_each_column_once_the_most_important_first() -> None:
    found = made(WALK, ask(WALK, TEST)).verdict.importance
    assert len({part.feature for part in found}) == len(found) == 12
    assert [part.mean for part in found] == sorted((part.mean for part in found), reverse=True)
    few = made(WALK, ask(WALK, TEST, features=["rsi", "cci"])).verdict.importance
    assert {part.feature for part in few} == {"RSI", "CCI"}


def test_what_is_found_can_be_stored_as_json() -> None:
    """A short position in a price that jumps to the tenfold, and falls to nothing."""
    change = 0.01 * np.random.default_rng(1).standard_normal(400)
    change[-50], change[-20] = np.log(10), np.log(1e-6)
    daily = walk(1, 400, change)
    for positions in asked.POSITIONS:
        found = made(daily, ask(daily, TEST, positions=positions, classifier="neighbours"))
        text = json.dumps([found.verdict.model_dump(), found.course.model_dump(mode="json")])
        assert "NaN" not in text
        assert "Infinity" not in text
        assert found.verdict.profit >= -1


def test_days_that_are_missing_are_as_if_there_was_no_trading() -> None:
    """A quarter of the days, among them three months at once, have no prices."""
    random = np.random.default_rng(1)
    kept = (random.random(600) < 0.8) & ~((np.arange(600) > 200) & (np.arange(600) < 260))
    daily = Daily(*(values[kept] for values in walk(1, 600)))
    found = made(daily, ask(daily, TEST))
    assert found.test_rows == TEST
    assert len(found.course.days) == kept.sum()


def test_progress_goes_from_nothing_to_done_and_names_what_was_tried() -> None:
    told = []
    train(WALK, ask(WALK, TEST, tuning=True, classifier="bayes"), lambda *step: told.append(step))
    fractions, messages = zip(*told, strict=True)
    assert list(fractions) == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert f"training on all {FIRST - 63} days, having tried 6 of 6 settings" in messages


class Cancelled(Exception):
    pass


# At the beginning, in the search, when the model is judged, and while features are shuffled.
@pytest.mark.parametrize("at", [1, 2, 5, 13, 15, 40])
def test_it_ends_where_progress_raises(at: int) -> None:
    told = []

    def progress(fraction: float, message: str) -> None:
        told.append(message)
        if len(told) == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(WALK, ask(WALK, TEST, tuning=True, classifier="bayes"), progress)
    assert len(told) == at


def test_a_search_without_time_still_makes_a_forecast() -> None:
    question = ask(WALK, TEST, tuning=True)
    found = train(WALK, question, unwatched, search_limit=timedelta()).verdict
    assert (found.search.tried, found.search.of) == (1, 12)
    assert found == train(WALK, question, unwatched, search_limit=timedelta()).verdict


@pytest.mark.parametrize(
    ("daily", "start", "words"),
    [
        (walk(1, 10), "2000-01-10", "has 10 days of prices, and this forecast takes at least 224"),
        (walk(1, 0), "2000-01-10", "has 0 days"),
        (walk(1, 400, np.zeros(400)), "2001-01-15", "The price of WALK never changes"),
        (walk(1, 400, np.full(400, 0.01)), "2001-01-15", "the price rises on every day"),
        (WALK, "1999-12-31", "begin on 2000-01-03"),
        (WALK, "2000-04-03", "days to learn from"),
        (WALK, "2001-06-29", "days to judge the model by"),
        (WALK, "2012-01-02", "end on 2001-07-13"),
        (WALK._replace(volume=np.full(400, 1e308)), "2001-01-15", "too large or too small"),
    ],
    ids=["ten rows", "no rows", "constant", "one way", "before", "early", "late", "after", "huge"],
)
def test_what_cannot_be_forecast_is_refused_in_a_sentence(
    daily: Daily, start: str, words: str
) -> None:
    with pytest.raises(ForecastError) as caught:
        made(daily, ask(WALK, TEST, test_start=day(start)))
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
