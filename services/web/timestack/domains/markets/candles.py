"""Candles of a ticker: a bar for each trading day, or for weeks and more where days are too many.

Longer bars come from the rollups of the prices. Adjusted ones do not: each price of a day is taken
times that day's own factor, so the days themselves are read and put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.domains.markets import averages as means
from timestack.domains.markets import bars
from timestack.domains.markets.spans import Days, Range, asked
from timestack.models.markets import DailyPrice, Ticker
from timestack.series import catalog
from timestack.series.extent import Extent, extent
from timestack.series.parts import split


@dataclass(frozen=True)
class Candles:
    """Bars of a ticker, oldest first; all arrays have the same length.

    ``time`` is datetime64[us] in UTC: that of a trading day, or where there is a ``bucket`` the
    start of one. ``values`` are those of ``bars.MADE``, float64, prices in US dollars and the
    volume in shares; NaN where there is none. ``averages`` has for each number of trading days the
    mean of so many closing prices, the last of them that of the bar's last day; NaN until there are
    so many.

    ``whole`` is from when to when the ticker has prices, ``days`` are those that were read of them;
    both are None where there are none. ``before`` is the closing price before the first bar.
    ``tables`` are those that the bars were read from.
    """

    whole: Extent | None
    days: Days | None
    time: np.ndarray
    values: Mapping[str, np.ndarray]
    averages: Mapping[int, np.ndarray]
    bucket: timedelta | None = None
    before: float | None = None
    tables: tuple[str, ...] = ()


def read(
    session: Session,
    ticker: Ticker,
    *,
    range: Range = "all",
    start: date | None = None,
    end: date | None = None,
    points: int,
    adjusted: bool = False,
    averages: Sequence[int] = (),
) -> Candles:
    """Return at most ``points`` bars of the days ``start <= day < end``.

    Without ``end`` up to the newest one, without ``start`` the ``range`` back from there. Bars of
    more than a day are whole: the first and the last one may have days outside of the range.
    ``adjusted`` takes later splits and dividends into account. ``averages`` are numbers of trading
    days.
    """
    whole = extent(session, bars.TABLE, {bars.KEY: ticker.id})
    days = asked(whole, range, start, end) if whole else None
    if days is None:
        time, *values = bars.arrays([], len(bars.MADE))
        empty = {length: np.empty(0) for length in averages}
        return Candles(whole, days, time, dict(zip(bars.MADE, values, strict=True)), empty)
    tables = bars.sources()
    bucket, since, until = None, days.since, days.until
    if _more_than(session, ticker, days, points):
        bucket = bars.width(days, points, tables)
        since, until = bars.whole(days, bucket)
    # Of adjusted bars there is no rollup: a day's factor is only known for the day.
    chain = bars.chain(tables, None if adjusted else bucket)
    parts = split(session, chain, since, until, catalog.current().span(bars.TABLE))
    found = session.execute(bars.bars(ticker.id, parts, bucket, adjusted=adjusted)).all()
    time, *values = bars.arrays(found, len(bars.MADE))
    return Candles(
        whole,
        days,
        time,
        dict(zip(bars.MADE, values, strict=True)),
        _averages(session, ticker, (since, until), bucket, averages, time, adjusted=adjusted),
        bucket,
        _before(session, ticker, since, adjusted=adjusted),
        tuple(part.source.table for part in parts),
    )


def _more_than(session: Session, ticker: Ticker, days: Days, points: int) -> bool:
    some = (
        select(DailyPrice.time)
        .where(
            DailyPrice.ticker_id == ticker.id,
            DailyPrice.time >= days.since,
            DailyPrice.time < days.until,
        )
        .limit(points + 1)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) > points


def _before(session: Session, ticker: Ticker, since: datetime, *, adjusted: bool) -> float | None:
    price = DailyPrice.adjusted_close if adjusted else DailyPrice.close
    return session.scalar(
        select(price)
        .where(DailyPrice.ticker_id == ticker.id, DailyPrice.time < since)
        .order_by(DailyPrice.time.desc())
        .limit(1)
    )


def _averages(
    session: Session,
    ticker: Ticker,
    ends: tuple[datetime, datetime],
    bucket: timedelta | None,
    lengths: Sequence[int],
    time: np.ndarray,
    *,
    adjusted: bool,
) -> dict[int, np.ndarray]:
    """The averages at the times of the bars."""
    if not lengths:
        return {}
    known, found = means.read(session, ticker.id, *ends, bucket, lengths, adjusted=adjusted)
    place = {each: number for number, each in enumerate(known.tolist())}
    places = [place.get(each, -1) for each in time.tolist()]
    # At -1 is the one behind the last.
    return {
        length: np.append(values, np.nan)[places].astype("f8") if places else values[:0]
        for length, values in found.items()
    }
