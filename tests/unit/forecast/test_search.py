"""Cross-validation in the order of time, and tuning that ends when time is over."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from tests.unit.forecast.making import ask, walk
from timestack.domains.forecast import asked, classifiers
from timestack.domains.forecast.search import search
from timestack.progress import unwatched

LONG = timedelta(minutes=10)
WALK = walk(1, 300)
RANDOM = np.random.default_rng(1)
ROWS = RANDOM.standard_normal((240, 3))
# Told by the first column, but for a fifth of the days.
ROSE = (ROWS[:, 0] > 0) ^ (RANDOM.random(240) < 0.2)


@pytest.mark.parametrize("classifier", asked.CLASSIFIERS)
def test_the_first_settings_are_the_default_and_none_comes_twice(classifier: str) -> None:
    found = classifiers.candidates(classifier, 1)
    assert found[0] == classifiers.CHOICES[classifier].default
    assert len({tuple(settings.items()) for settings in found}) == len(found)
    assert found[0].keys() == classifiers.CHOICES[classifier].grid.keys()


def test_the_order_of_the_others_is_the_seeds() -> None:
    orders = [classifiers.candidates("forest", seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(map(str, orders[0])) == sorted(map(str, orders[2]))


def test_without_tuning_the_default_is_scored_in_each_fold() -> None:
    found = search(ROWS, ROSE, ask(WALK, 60, folds=5), unwatched, LONG)
    assert (found.tried, found.of, len(found.scores)) == (1, 1, 5)
    assert np.mean(found.scores) > 0.7


def test_tuning_keeps_the_best_and_of_equal_ones_the_first() -> None:
    question = ask(WALK, 60, classifier="neighbours", tuning=True)
    found = search(ROWS, ROSE, question, unwatched, LONG)
    assert found.tried == found.of == 20
    each = {}
    for settings in classifiers.candidates("neighbours", question.seed):
        scores = []
        for end in (80, 160):
            # As TimeSeriesSplit has two folds of 240 rows, with a gap of one.
            model = classifiers.fitted("neighbours", settings, 1, ROWS[: end - 1], ROSE[: end - 1])
            scores.append(np.mean(model.predict(ROWS[end : end + 80]) == ROSE[end : end + 80]))
        each.setdefault(round(float(np.mean(scores)), 12), (settings, scores))
    assert (found.settings, found.scores) == each[max(each)]


@pytest.mark.parametrize("gap", [1, 12])
def test_a_gap_leaves_days_out_between_what_is_learned_and_what_is_scored(gap: int) -> None:
    question = ask(WALK, 60, gap=gap)
    found = search(ROWS, ROSE, question, unwatched, LONG)
    settings = classifiers.CHOICES["logistic"].default
    # Two folds of 240 rows are scored on 80 rows each.
    for begin, score in zip((80, 160), found.scores, strict=True):
        learned, scored = slice(0, begin - gap), slice(begin, begin + 80)
        model = classifiers.fitted("logistic", settings, 1, ROWS[learned], ROSE[learned])
        assert score == np.mean(model.predict(ROWS[scored]) == ROSE[scored])


def test_time_that_is_over_ends_the_search_with_the_default() -> None:
    question = ask(WALK, 60, classifier="neighbours", tuning=True)
    found = search(ROWS, ROSE, question, unwatched, timedelta())
    assert (found.tried, found.of) == (1, 20)
    assert found.settings == classifiers.CHOICES["neighbours"].default


@pytest.mark.parametrize("classifier", asked.CLASSIFIERS)
def test_a_fold_of_one_outcome_is_told_as_that(classifier: str) -> None:
    """The first fold has learned from rises alone."""
    rose = ROSE.copy()
    rose[:120] = True
    found = search(ROWS, rose, ask(WALK, 60, classifier=classifier), unwatched, LONG)
    assert found.scores[0] == np.mean(rose[80:160])


def test_a_fold_with_fewer_rows_than_neighbours_asks_all_of_them() -> None:
    rows, rose = ROWS[:63], ROSE[:63]
    found = search(rows, rose, ask(WALK, 60, classifier="neighbours"), unwatched, LONG)
    assert found.settings["n_neighbors"] == 51
    assert len(found.scores) == 2


def test_each_fold_of_each_candidate_is_told_of() -> None:
    told = []
    question = ask(WALK, 60, classifier="bayes", tuning=True, folds=3)
    search(ROWS, ROSE, question, lambda *step: told.append(step), LONG)
    fractions, messages = zip(*told, strict=True)
    assert list(fractions) == sorted(fractions)
    assert (fractions[0], len(told)) == (0, 18)
    assert messages[0] == "training fold 1 of 3 of settings 1 of 6"
    assert messages[-1] == "training fold 3 of 3 of settings 6 of 6"
