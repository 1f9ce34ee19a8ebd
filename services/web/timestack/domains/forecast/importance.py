"""How much a model's hit rate owes to each of its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from timestack.domains.forecast.verdict import Importance

REPEATS = 5
# A support vector machine compares each row with a thousand others: more rows take minutes.
MOST_ROWS = 1000


def importance(
    model: Pipeline,
    names: Sequence[str],
    rows: np.ndarray,
    rose: np.ndarray,
    seed: int,
    step: Callable[[], None],
) -> list[Importance]:
    """Return for each column how much the hit rate falls when it is shuffled, the most first.

    ``rows`` float64 (days, columns) and ``rose`` bool are the test part; of many days so many are
    taken at equal distances. Columns that tell the same stand in for each other, so each of them
    may seem to be of little use. ``step`` is called before each shuffle, and may raise.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).round().astype(int))

    # The same as "accuracy", which takes as long again to look at what it is given.
    def hit_rate(model: Pipeline, rows: np.ndarray, rose: np.ndarray) -> float:
        step()
        return float(np.mean(model.predict(rows) == rose))

    found = permutation_importance(
        model,
        rows[chosen],
        rose[chosen],
        scoring=hit_rate,
        n_repeats=REPEATS,
        random_state=seed,
        n_jobs=1,
    )
    each = zip(names, found.importances_mean, found.importances_std, strict=True)
    parts = [
        Importance(feature=name, mean=float(mean), spread=float(spread))
        for name, mean, spread in each
    ]
    return sorted(parts, key=lambda part: -part.mean)
