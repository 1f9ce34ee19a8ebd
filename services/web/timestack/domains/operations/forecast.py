"""When what shrinks is used up, by a line through samples that a few odd ones do not bend."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

# Seconds that samples must span.
SHORTEST = 86_400.0
# What lies further ahead is nobody's concern, and no line tells it.
FURTHEST = timedelta(days=5 * 365)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the median of the slopes between all pairs of points (Theil 1950, Sen 1968).

    Up to 29 % of the points may be anything, such as a large file that was there for some days.
    """
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] != x[first]
    first, second = first[apart], second[apart]
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def used_up(seconds: np.ndarray, left: np.ndarray) -> timedelta | None:
    """Return how long what is ``left`` lasts from the last sample on, taken at rising ``seconds``.

    None with less than a day of samples, where it does not shrink, and beyond FURTHEST.
    """
    known = np.isfinite(left)
    seconds, left = seconds[known], left[known]
    if len(left) < 2 or seconds[-1] - seconds[0] < SHORTEST:
        return None
    change = slope(seconds, left)
    if change >= 0 or (lasts := left[-1] / -change) > FURTHEST.total_seconds():
        return None
    return timedelta(seconds=lasts)
