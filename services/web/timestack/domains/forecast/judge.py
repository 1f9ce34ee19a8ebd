"""What would have become of money that followed a model, or anything else that takes positions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from timestack.domains.forecast.asked import Positions

# What a day is counted as at worst where logarithms are taken: a loss of 99.99 %. The logarithm of
# nothing left is minus infinity, and so would be every mean with it.
WORST = 1e-4


class Account(NamedTuple):
    """One of money that begins as 1, day by day over ``days`` days.

    ``worth`` float64 (days + 1) is what is left at each close, the first being 1. ``growth``
    float64 (days) is the log return of each day after costs, at least that of WORST.
    ``positions`` int (days) are those that could be taken: 0 once nothing is left. ``trades`` is
    on how many days they changed.
    """

    worth: np.ndarray
    growth: np.ndarray
    positions: np.ndarray
    trades: int

    @property
    def profit(self) -> float:
        """All that was won, as a part of what there was; -1 is all lost."""
        return float(self.worth[-1] - 1)

    @property
    def drawdown(self) -> float:
        """The deepest fall from a high, as a part of it, 0 to 1."""
        return float((1 - self.worth / np.maximum.accumulate(self.worth)).max())


def positions(up: np.ndarray, kind: Positions) -> np.ndarray:
    """Return 1 where the price is told to rise, and else 0, or -1 for ``long-short``."""
    return np.where(up, 1, -1 if kind == "long-short" else 0)


def account(positions: np.ndarray, change: np.ndarray, cost: float) -> Account:
    """Return what becomes of money that holds a position over each day.

    ``positions`` int (days) are taken at a close and held until the next one, over which the price
    changes by ``change`` float64 (days), parts of 1. Each trade costs the part ``cost`` of what
    there is, times the change of the position: from -1 to 1 twice. There is none before the first
    close, and the last one is not sold. Who has nothing left, as one who is short of a price that
    doubles, has nothing ever after.
    """
    moved = np.abs(np.diff(positions, prepend=0))
    factor = np.maximum((1 - cost * moved) * (1 + positions * change), 0)
    worth = np.concatenate([[1.0], np.cumprod(factor)])
    ruined = worth[:-1] == 0
    taken = np.where(ruined, 0, positions)
    growth = np.where(ruined, 0, np.log(np.maximum(factor, WORST)))
    return Account(worth, growth, taken, int(np.count_nonzero(np.diff(taken, prepend=0)[~ruined])))


def confusion(rose: np.ndarray, up: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the days that fell and those that rose, each by whether the model said up."""

    def days(rising: bool, told: bool) -> int:
        return int(np.count_nonzero((rose == rising) & (up == told)))

    return (days(False, False), days(False, True)), (days(True, False), days(True, True))
