"""The classifiers, each behind a scaler, and the settings that tuning chooses from.

The scaler is a step of the pipeline, so it is fitted on whatever rows the model is fitted on, and
on no others. All are made to predict a direction, without a probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

Settings = Mapping[str, float | int | str | None]


@dataclass(frozen=True)
class Choice:
    """A classifier: its settings without tuning, and for each those that tuning may choose.

    ``make`` takes the settings, and ``fixed`` besides; ``seeded`` ones a seed.
    """

    make: Callable[..., ClassifierMixin]
    default: Settings
    grid: Mapping[str, tuple[float | int | str | None, ...]]
    fixed: Mapping[str, Any]
    seeded: bool = False


# Of daily prices little can be told, so what restrains a model is strong by default: many
# neighbours, large leaves, small trees. The grids go both ways from there.
CHOICES = {
    "logistic": Choice(
        LogisticRegression,
        {"C": 1.0, "class_weight": None},
        {"C": (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0), "class_weight": (None, "balanced")},
        {"max_iter": 1000},
    ),
    "neighbours": Choice(
        KNeighborsClassifier,
        {"n_neighbors": 51, "weights": "uniform", "p": 2},
        {"n_neighbors": (5, 15, 31, 51, 101), "weights": ("uniform", "distance"), "p": (1, 2)},
        {"n_jobs": 1},
    ),
    "linear-svm": Choice(
        LinearSVC,
        {"C": 0.1, "class_weight": None},
        {"C": (0.0001, 0.001, 0.01, 0.1, 1.0), "class_weight": (None, "balanced")},
        # More rows than columns: the primal problem, which needs no chance.
        {"dual": False, "max_iter": 5000},
    ),
    "rbf-svm": Choice(
        SVC,
        {"C": 1.0, "gamma": "scale"},
        {"C": (0.1, 1.0, 10.0), "gamma": ("scale", 0.001, 0.01, 0.1)},
        # In megabytes; the worker has little memory, and so many rows need no more.
        {"kernel": "rbf", "cache_size": 64},
    ),
    "forest": Choice(
        RandomForestClassifier,
        {"min_samples_leaf": 20, "max_depth": None, "max_features": "sqrt"},
        {
            "min_samples_leaf": (5, 20, 50),
            "max_depth": (3, 6, None),
            "max_features": ("sqrt", 0.7),
        },
        {"n_estimators": 200, "n_jobs": 1},
        seeded=True,
    ),
    # By histograms: several times as fast as GradientBoostingClassifier, and not worse. Without
    # early stopping, which would set some of the train rows aside by chance, not by time.
    "boosting": Choice(
        HistGradientBoostingClassifier,
        {"learning_rate": 0.05, "max_leaf_nodes": 8, "max_iter": 100},
        {
            "learning_rate": (0.01, 0.05, 0.1),
            "max_leaf_nodes": (4, 8, 16),
            "max_iter": (50, 100, 200),
        },
        {"min_samples_leaf": 50, "early_stopping": False},
        seeded=True,
    ),
    "bayes": Choice(
        GaussianNB,
        {"var_smoothing": 1e-9},
        {"var_smoothing": (1e-9, 1e-6, 0.001, 0.01, 0.1, 1.0)},
        {},
    ),
}


def candidates(classifier: str, seed: int) -> list[Settings]:
    """Return all settings to try: the default first, then the others in an order of chance.

    In the grid's own order a search that time cuts off would never see its last corner.
    """
    choice = CHOICES[classifier]
    rows = product(*choice.grid.values())
    others = [dict(zip(choice.grid, row, strict=True)) for row in rows]
    others.remove(dict(choice.default))
    order = np.random.default_rng(seed).permutation(len(others))
    return [choice.default, *(others[index] for index in order)]


def fitted(
    classifier: str, settings: Settings, seed: int, rows: np.ndarray, rose: np.ndarray
) -> Pipeline:
    """Return a pipeline, fitted on ``rows`` float64 (days, columns) and their labels, bool.

    Where all labels are the same, it always says so: no classifier learns from one class.
    """
    if rose.all() or not rose.any():
        model = DummyClassifier(strategy="most_frequent")
    else:
        model = _model(CHOICES[classifier], settings, seed, len(rows))
    return Pipeline([("scale", StandardScaler()), ("model", model)]).fit(rows, rose)


def _model(choice: Choice, settings: Settings, seed: int, rows: int) -> ClassifierMixin:
    given = {**choice.fixed, **settings}
    if choice.seeded:
        given["random_state"] = seed
    if "n_neighbors" in given:
        # The first fold may have fewer rows than that.
        given["n_neighbors"] = min(given["n_neighbors"], rows)
    return choice.make(**given)
