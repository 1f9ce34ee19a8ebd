"""Cross-validation in the order of time, and tuning by it until time is over."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from timestack.domains.forecast import classifiers
from timestack.domains.forecast.verdict import Search
from timestack.domains.jobs.kinds import ForecastParams
from timestack.progress import Progress


def search(
    rows: np.ndarray,
    rose: np.ndarray,
    asked: ForecastParams,
    progress: Progress,
    limit: timedelta,
) -> Search:
    """Return the settings with the best mean hit rate over the folds; of equal ones the first.

    ``rows`` float64 (days, columns) and ``rose`` bool are the train part, oldest first. Each fold
    is trained on days before those that it is scored on, ``asked.gap`` days of trading between
    them. Settings that ``limit`` cut off do not count; the default always does, so there is a
    result. What is found depends on the seed alone, as long as time suffices for all.
    """
    settings = classifiers.candidates(asked.classifier, asked.seed)
    if not asked.tuning:
        settings = settings[:1]
    until = time.monotonic() + limit.total_seconds()
    folds = list(TimeSeriesSplit(n_splits=asked.folds, gap=asked.gap).split(rows))
    best: tuple[float, classifiers.Settings, list[float]] | None = None
    tried = 0
    for candidate in settings:
        scores = []
        for train, test in folds:
            if tried and time.monotonic() > until:
                break
            progress(
                (tried + len(scores) / len(folds)) / len(settings),
                _step(len(scores) + 1, len(folds), tried + 1, len(settings)),
            )
            model = classifiers.fitted(
                asked.classifier, candidate, asked.seed, rows[train], rose[train]
            )
            scores.append(float(np.mean(model.predict(rows[test]) == rose[test])))
        if len(scores) < len(folds):
            break
        tried += 1
        # Rounded, since sums of equal hits differ in their last digit.
        mean = round(float(np.mean(scores)), 12)
        if best is None or mean > best[0]:
            best = mean, candidate, scores
    assert best is not None
    return Search(tried=tried, of=len(settings), settings=dict(best[1]), scores=best[2])


def _step(fold: int, folds: int, candidate: int, candidates: int) -> str:
    which = f" of settings {candidate} of {candidates}" if candidates > 1 else ""
    return f"training fold {fold} of {folds}{which}"
