"""How far a mean over days may be chance: intervals by the stationary bootstrap.

D. N. Politis and J. P. Romano, "The Stationary Bootstrap", Journal of the American Statistical
Association 89 (1994): samples are made of blocks of days that follow each other, of random length,
from random days on, the last day being followed by the first. So what one day has of the day
before stays in the samples, which it would not if days were drawn one by one.
"""

from __future__ import annotations

import numpy as np

from timestack.domains.forecast.verdict import Interval

SAMPLES = 2000
# A week at least: positions are held for days on end.
SHORTEST_BLOCK = 5
LEVEL = 95
# Samples at once: of ten years of days, 10 MB.
_PART = 250


def block(days: int) -> int:
    """Return the mean length of the blocks, in days: the cube root, by which it should grow."""
    return max(SHORTEST_BLOCK, round(days ** (1 / 3)))


def intervals(values: np.ndarray, seed: int) -> list[Interval]:
    """Return the mean of each column of float64 (days, columns), with its 95 % percentile interval.

    All columns are drawn by the same days.
    """
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [values[_drawn(random, len(values))].mean(axis=1) for _ in range(SAMPLES // _PART)]
    )
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(means, (tail, 100 - tail), axis=0)
    columns = zip(values.mean(axis=0), low, high, strict=True)
    return [
        Interval(value=float(value), low=float(low), high=float(high))
        for value, low, high in columns
    ]


def _drawn(random: np.random.Generator, days: int) -> np.ndarray:
    """Days by their index, a sample in each row, shape (_PART, days)."""
    shape = _PART, days
    begins = random.random(shape) < 1 / block(days)
    begins[:, 0] = True
    starts = random.integers(days, size=shape)
    place = np.arange(days)
    # For each day of a sample where in it its block begins.
    begin = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    return (np.take_along_axis(starts, begin, axis=1) + place - begin) % days
