"""Splits in prices beside an adjusted close."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from timestack.domains.prices.read import Day
from timestack.domains.prices.splits import splits

FIRST = date(2013, 5, 1)


def days(*prices: tuple[float, float]) -> list[Day]:
    """Days with a close and an adjusted one."""
    return [
        Day(number, FIRST + timedelta(days=number), close, close, close, close, 1, adjusted)
        for number, (close, adjusted) in enumerate(prices)
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((90, 45), (45, 45), ["2:1 split on 2013-05-02"]),
        ((90, 45), (51, 51), ["2:1 split on 2013-05-02"]),
        ((91, 30), (30, 30), ["3:1 split on 2013-05-02"]),
        ((90, 59.4), (60, 60), ["3:2 split on 2013-05-02"]),
        ((650, 92.857), (93, 93), ["7:1 split on 2013-05-02"]),
        ((500, 25.0), (25.5, 25.5), ["20:1 split on 2013-05-02"]),
        ((120, 100), (100, 100), ["6:5 split on 2013-05-02"]),
        ((3, 30), (31, 31), ["1:10 split on 2013-05-02"]),
        # Of a day with a dividend as well.
        ((90, 44.6), (45, 45), ["2:1 split on 2013-05-02"]),
        # A dividend, also a special one.
        ((90, 89.1), (89, 89), []),
        ((28, 25.2), (25, 25), []),
        # The source took the split out of the close too.
        ((45, 45), (45.5, 45.5), []),
        # The price does not go with it: a mistake, and not a split.
        ((90, 45), (90, 90), []),
        # It fell by half, without a split.
        ((90, 90), (45, 45), []),
    ],
)
def test_a_split_is_told_from_a_dividend_and_a_fall(
    before: tuple[float, float], after: tuple[float, float], said: list[str]
) -> None:
    found = [str(each) for each in splits(days(before, after, after))]
    assert found == said


def test_one_day_has_none() -> None:
    assert list(splits(days((90, 45)))) == []
