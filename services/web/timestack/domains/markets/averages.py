"""Moving averages of closing prices, each over so many trading days, whatever bars are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, Double, Interval, Numeric, case, cast, func, literal, select
from sqlalchemy.orm import Session

from timestack.domains.markets.bars import arrays, days
from timestack.models.markets import DailyPrice


def read(
    session: Session,
    ticker: int,
    since: datetime,
    until: datetime,
    width: timedelta | None,
    lengths: Sequence[int],
    *,
    adjusted: bool,
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return times, and for each length in trading days the average up to then.

    A time is a trading day's, or the start of a bar of ``width``, and then the average is that of
    its last day. It is of the closing prices of so many days, the day itself being the last; NaN
    where there are fewer.
    """
    # From so early that the first day already has the longest average.
    earlier = (
        select(DailyPrice.time)
        .where(DailyPrice.ticker_id == ticker, DailyPrice.time < since)
        .order_by(DailyPrice.time.desc())
        .limit(max(lengths) - 1)
        .subquery()
    )
    first = session.scalar(select(func.min(earlier.c.time))) or since
    found = days(ticker, first, until, adjusted=adjusted).subquery().c

    number = func.row_number().over(order_by=found.time)
    # Of numeric: by leaving one day and taking in the next, exactly. Of floats PostgreSQL adds up
    # all days of each average again.
    price = cast(found.close, Numeric)

    def average(length: int) -> ColumnElement:
        mean = func.avg(price).over(order_by=found.time, rows=(1 - length, 0))
        return case((number >= length, cast(mean, Double))).label(f"of_{length}")

    each = select(found.time, *map(average, lengths)).subquery().c
    shown = each.time >= since
    means = [each[f"of_{length}"] for length in lengths]
    if width is None:
        statement = select(each.time, *means).where(shown).order_by(each.time)
    else:
        bucket = func.time_bucket(literal(width, Interval), each.time)
        statement = (
            select(bucket, *(func.last(mean, each.time) for mean in means))
            .where(shown)
            .group_by(bucket)
            .order_by(bucket)
        )
    times, *columns = arrays(session.execute(statement).all(), len(lengths))
    return times, dict(zip(lengths, columns, strict=True))
