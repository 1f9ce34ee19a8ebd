"""Money that follows positions, by arithmetic that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from timestack.domains.forecast import judge

CHANGE = np.array([0.10, -0.05, 0.20, -0.10])
ALWAYS = np.ones(4, int)


def test_positions_are_in_or_out_or_long_or_short() -> None:
    up = np.array([True, False])
    assert judge.positions(up, "long").tolist() == [1, 0]
    assert judge.positions(up, "long-short").tolist() == [1, -1]


def test_buy_and_hold_is_the_price() -> None:
    held = judge.account(ALWAYS, CHANGE, 0)
    assert held.worth == pytest.approx(np.cumprod([1, 1.1, 0.95, 1.2, 0.9]))
    assert held.profit == pytest.approx(1.1 * 0.95 * 1.2 * 0.9 - 1)
    assert held.drawdown == pytest.approx(0.1)
    assert held.growth.sum() == pytest.approx(np.log(1 + held.profit))


def test_who_is_out_has_neither_profit_nor_cost() -> None:
    out = judge.account(np.zeros(4, int), CHANGE, 0.01)
    assert out.worth.tolist() == [1] * 5
    assert (out.profit, out.drawdown, out.trades) == (0, 0, 0)


def test_a_fall_is_a_profit_for_who_is_short() -> None:
    short = judge.account(-ALWAYS, CHANGE, 0)
    assert short.profit == pytest.approx(0.9 * 1.05 * 0.8 * 1.1 - 1)


@pytest.mark.parametrize(
    ("positions", "traded", "trades"),
    [
        # Buy-and-hold pays once, at its entry, and is not sold.
        ([1, 1, 1, 1], [1, 0, 0, 0], 1),
        ([0, 1, 1, 0], [0, 1, 0, 1], 2),
        # From short to long is twice as much as in or out.
        ([1, -1, -1, 1], [1, 2, 0, 2], 3),
        ([0, 0, 0, -1], [0, 0, 0, 1], 1),
    ],
)
def test_costs_take_exactly_their_part_of_each_trade(
    positions: list[int], traded: list[int], trades: int
) -> None:
    free = judge.account(np.array(positions), CHANGE, 0)
    paid = judge.account(np.array(positions), CHANGE, 0.001)
    left = np.prod([1 - 0.001 * part for part in traded])
    assert 1 + paid.profit == pytest.approx((1 + free.profit) * left, rel=1e-12)
    assert paid.trades == free.trades == trades


def test_who_is_ruined_stays_so() -> None:
    """Short of a price that trebles: more is owed than there was."""
    change = np.array([0.1, 2.0, -0.5, -0.5])
    short = judge.account(np.array([-1, -1, -1, 1]), change, 0.01)
    assert short.worth.tolist() == [1, pytest.approx(0.99 * 0.9), 0, 0, 0]
    assert short.positions.tolist() == [-1, -1, 0, 0]
    assert (short.profit, short.drawdown, short.trades) == (-1, 1, 1)
    assert np.isfinite(short.growth).all()
    assert short.growth[1:].tolist() == [np.log(judge.WORST), 0, 0]


def test_drawdown_is_from_the_highest_before_it() -> None:
    change = np.array([1.0, -0.5, 3.0, -0.25, 0.1])
    assert judge.account(np.ones(5, int), change, 0).drawdown == pytest.approx(0.5)


def test_confusion_counts_each_day_once() -> None:
    rose = np.array([True, True, True, False, False, True])
    up = np.array([True, False, True, True, False, True])
    assert judge.confusion(rose, up) == ((1, 1), (1, 3))
