"""Daily prices of invented listings, as CSV: a pure function of the seed and the symbol.

Trading days are Mondays to Fridays without New Year's Day and Christmas. As with real sources,
the adjusted close takes later splits and dividends into account, and the other prices do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from flask import Blueprint, Response, abort

from media_platform.chance import between, unit
from media_platform.faults import may_fail

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
FIRST, LAST = date(2015, 1, 2), date(2025, 12, 31)
HOLIDAYS = ((1, 1), (12, 25))

blueprint = Blueprint("prices", __name__)


@dataclass(frozen=True)
class Listing:
    """A listing with its first price; ``splits`` are new shares for an old one, by day.

    ``dividend`` is the part of the price that is paid each quarter.
    """

    symbol: str
    price: float
    splits: tuple[tuple[date, float], ...] = ()
    dividend: float = 0


LISTINGS = {
    each.symbol: each
    for each in (
        Listing("ALDR", 84, ((date(2019, 6, 3), 2),), 0.006),
        Listing("BRCH", 31, dividend=0.009),
        Listing("CBLT", 6, ((date(2021, 3, 15), 0.1),)),
        Listing("DRFT-B", 140, ((date(2017, 9, 18), 3), (date(2023, 2, 6), 1.5))),
    )
}


def days() -> Iterator[date]:
    """Yield the trading days, oldest first."""
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        if day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS:
            yield day


@cache
def document(symbol: str) -> bytes:
    """Return the prices of a listing as CSV, oldest first."""
    rows = list(_traded(LISTINGS[symbol]))
    # Backwards: what comes later takes part in each day's factor.
    factor, lines = 1.0, []
    for number in range(len(rows) - 1, -1, -1):
        day, (opened, high, low, close), volume, split, paid = rows[number]
        prices = ",".join(f"{each:.2f}" for each in (opened, high, low, close))
        lines.append(f"{day},{prices},{close * factor:.6f},{volume}")
        before = rows[number - 1][1][3] if number else close
        factor *= (1 - paid / before) / split
    return "\n".join([HEADER, *reversed(lines), ""]).encode()


def _traded(listing: Listing) -> Iterator[tuple]:
    """Yield day, prices, volume, the split and what is paid on it, oldest first."""
    price, splits = listing.price, dict(listing.splits)
    for day in days():
        split = splits.get(day, 1.0)
        is_paid = listing.dividend and day.month % 3 == 2 and day.day <= 7 and day.weekday() == 2
        paid = round(price * listing.dividend, 2) if is_paid else 0.0
        opened = (price - paid) / split * (1 + _swing(listing, day, "open") / 3)
        price = opened * math.exp(0.0003 + _swing(listing, day, "close"))
        ends = round(opened, 2), round(price, 2)
        high = round(max(ends) * (1 + unit(listing.symbol, day, "high") * 0.012), 2)
        low = round(min(ends) * (1 - unit(listing.symbol, day, "low") * 0.012), 2)
        volume = int(between(2e5, 4e6, listing.symbol, day, "volume") / price) * 100
        yield day, (ends[0], high, low, ends[1]), volume, split, paid


def _swing(listing: Listing, day: date, what: str) -> float:
    dice = sum(unit(listing.symbol, day, what, number) for number in range(4))
    return (dice / 2 - 1) * 0.03


@blueprint.get("/prices/<symbol>.csv")
@may_fail("prices")
def shown(symbol: str) -> Response:
    """Answer with the prices of a listing; 404 for any other symbol."""
    if symbol not in LISTINGS:
        abort(404, f"There is no such listing: there are {', '.join(LISTINGS)}.")
    return Response(document(symbol), mimetype="text/csv")
