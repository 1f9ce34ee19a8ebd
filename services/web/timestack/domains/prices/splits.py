"""Splits, found in prices that do not take them into account beside a close that does.

The adjusted close divided by the close goes up by as much on the day of a split as the price falls.
A dividend moves it by a few per cent. Where a source has taken the splits out of its other prices
too, there is none to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from timestack.domains.prices.read import Day

# Smaller jumps are dividends; 6:5 is the least that is common.
LEAST = 1.15
# How far from a simple ratio, as a part of it: a dividend of the same day, or few decimals.
NEAR = 0.03
# How far the price itself may have moved meanwhile.
MOVED = 1.35
# Of the smaller number of a ratio.
LARGEST = 5


class Split(NamedTuple):
    """So many ``new`` shares for ``old`` ones from a day on."""

    day: date
    new: int
    old: int

    def __str__(self) -> str:
        return f"{self.new}:{self.old} split on {self.day}"


def splits(days: Sequence[Day]) -> Iterator[Split]:
    """Yield the splits of days that are in order."""
    for before, day in pairwise(days):
        jump = (day.adjusted_close / day.close) / (before.adjusted_close / before.close)
        if max(jump, 1 / jump) < LEAST:
            continue
        move = day.close / before.close * jump
        ratio = _simple(max(jump, 1 / jump))
        if ratio and 1 / MOVED <= move <= MOVED:
            new, old = ratio.numerator, ratio.denominator
            yield Split(day.day, new, old) if jump > 1 else Split(day.day, old, new)


def _simple(number: float) -> Fraction | None:
    """Return the ratio of small numbers that is near, the one with the smallest first."""
    for denominator in range(1, LARGEST + 1):
        ratio = Fraction(round(number * denominator), denominator)
        if abs(float(ratio) / number - 1) <= NEAR:
            return ratio
    return None
