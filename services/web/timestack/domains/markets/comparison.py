"""Several tickers on one scale: how much each has changed since the left edge of a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from timestack.domains.markets import bars
from timestack.domains.markets.spans import Days, Range, asked
from timestack.models.markets import DailyPrice, Ticker
from timestack.series.extent import Extent, extent
from timestack.series.query import Series, query


@dataclass(frozen=True)
class Change:
    """How a ticker's closing price has changed since its first trading day, in percent.

    ``time`` is datetime64[us] in UTC: that first day, then trading days, or where there is a bucket
    the starts of buckets, of which the last closing price is taken. ``percent`` begins with 0, and
    is NaN where there is no number. Both are empty without prices; then ``first`` and ``price``,
    the closing price of the first day, are None.
    """

    ticker: Ticker
    first: date | None
    price: float | None
    time: np.ndarray
    percent: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """A change for each ticker, in the order in which they were given.

    ``whole`` is from when to when the first of them has prices, ``days`` are those compared; both
    are None where there are none. Points are of a ``bucket``, or trading days where that is None.
    """

    whole: Extent | None
    days: Days | None
    bucket: timedelta | None
    changes: Sequence[Change]


def read(
    session: Session,
    tickers: Sequence[Ticker],
    *,
    range: Range = "all",
    start: date | None = None,
    end: date | None = None,
    points: int,
    adjusted: bool = False,
) -> Comparison:
    """Compare tickers over the days ``start <= day < end``, by at most ``points`` of each.

    Without ``end`` up to the newest day of the first ticker, without ``start`` the ``range`` back
    from there. ``adjusted`` takes later splits and dividends into account.
    """
    whole = extent(session, bars.TABLE, {bars.KEY: tickers[0].id})
    days = asked(whole, range, start, end) if whole else None
    if days is None:
        nothing = np.empty(0, "datetime64[us]"), np.empty(0)
        return Comparison(whole, days, None, [Change(t, None, None, *nothing) for t in tickers])
    price = DailyPrice.adjusted_close if adjusted else DailyPrice.close
    keys = {bars.KEY: [ticker.id for ticker in tickers]}
    most = max(points // 2, 1)
    found = query(session, bars.TABLE, keys, days.since, days.until, most, value=price.key)
    changes = [
        _change(session, ticker, series, days, price)
        for ticker, series in zip(tickers, found, strict=True)
    ]
    return Comparison(whole, days, found[0].bucket, changes)


def _change(
    session: Session, ticker: Ticker, series: Series, days: Days, price: InstrumentedAttribute
) -> Change:
    days_of = (
        select(DailyPrice.time, price)
        .where(
            DailyPrice.ticker_id == ticker.id,
            DailyPrice.time >= days.since,
            DailyPrice.time < days.until,
        )
        .order_by(DailyPrice.time)
        .limit(1)
    )
    time, base = bars.arrays(session.execute(days_of).all(), 1)
    if not len(base):
        return Change(ticker, None, None, time, base)
    # A bucket that holds the first day began before it.
    later = series.time > time[0]
    prices = np.concatenate([base, series.last[later]])
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = (prices / base - 1) * 100
    percent[~np.isfinite(percent)] = np.nan
    first = time[0].astype("datetime64[D]").item()
    return Change(ticker, first, float(base[0]), np.append(time, series.time[later]), percent)
