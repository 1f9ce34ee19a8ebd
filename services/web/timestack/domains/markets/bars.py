"""How long the bars of a chart are, and the statement that reads them.

A bar is a trading day. Where these are too many, it is made of the days of so many weeks, and comes
from the rollups of the prices as far as these go.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    Interval,
    Select,
    cast,
    column,
    func,
    literal,
    select,
    table,
    text,
    union_all,
)

from timestack.domains.markets.spans import Days
from timestack.models.markets import DailyPrice
from timestack.series import catalog
from timestack.series.parts import Part
from timestack.series.sources import ORIGIN, Source
from timestack.series.sql import finite

TABLE = DailyPrice.__tablename__
KEY = DailyPrice.ticker_id.key
PRICES = ("open", "high", "low", "close")
# What a longer bar has of the values of its days, in the words of the rollups' columns.
MADE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
WEEK = timedelta(days=7)


def sources() -> list[Source]:
    """Return the tables that bars can be read from, the coarsest first and the days last."""
    hypertable = catalog.current().hypertables[TABLE]
    days = Source(TABLE, hypertable.time, None)
    for rollup in hypertable.rollups:
        # Days of trading are UTC dates: those of a zone would be others.
        if rollup.keys == [KEY] and set(MADE) <= set(rollup.values) and not rollup.timezone:
            levels = rollup.tables(TABLE).items()
            return [*(Source(name, "bucket", width) for width, name in reversed(levels)), days]
    return [days]


def width(days: Days, points: int, tables: Sequence[Source]) -> timedelta:
    """Return the least width of which ``points`` bars hold all days.

    It is a multiple of a rollup's, and of the next one's where it is as wide as that; without
    rollups of a week.
    """
    levels = [source.width for source in reversed(tables) if source.width] or [WEEK]
    ends = [*levels[1:], None]
    for level, end in zip(levels, ends, strict=True):
        for number in count(1):
            if end and number * level >= end:
                break
            since, until = whole(days, number * level)
            if (until - since) // (number * level) <= points:
                return number * level
    raise AssertionError("the widest level has no end")


def whole(days: Days, width: timedelta) -> tuple[datetime, datetime]:
    """Return the start of the first bar of a width that has one of the days, and the last's end."""
    since = days.since - (days.since - ORIGIN) % width
    return since, days.until + (ORIGIN - days.until) % width


def chain(tables: Sequence[Source], width: timedelta | None) -> Sequence[Source]:
    """Return the tables that make bars of a width: the coarsest that divides it, and those below.

    ``width`` is None for bars of a day.
    """
    makes = (n for n, each in enumerate(tables) if each.width and width and not width % each.width)
    return tables[next(makes, len(tables) - 1) :]


def days(ticker: int, since: datetime, until: datetime, *, adjusted: bool) -> Select:
    """The days of a ticker as bars, in any order: a time and the values of MADE.

    Rows with NaN and infinities, from before the database refused them, are left out.
    """
    own = DailyPrice
    # Of a price of nothing no factor can be known.
    factor = own.adjusted_close / func.nullif(own.close, 0)
    prices = {name: getattr(own, name) for name in PRICES}
    if adjusted:
        prices = {name: price * factor for name, price in prices.items()}
        prices["close"] = own.adjusted_close
    return select(
        own.time,
        *(price.label(name) for name, price in prices.items()),
        cast(own.volume, Double).label("volume"),
    ).where(
        own.ticker_id == ticker,
        own.time >= since,
        own.time < until,
        *(text(finite(name)) for name in (*PRICES, own.adjusted_close.key)),
    )


def bars(ticker: int, parts: Sequence[Part], width: timedelta | None, *, adjusted: bool) -> Select:
    """The bars of a ticker, oldest first: a time and the values of MADE, with nulls."""
    found = union_all(*(_part(ticker, part, adjusted=adjusted) for part in parts)).subquery()
    time = found.c.time
    if width is None:
        return select(found).order_by(time)
    bucket = func.time_bucket(literal(width, Interval), time)
    return (
        select(
            bucket.label("time"), *(_made(found.c[name], how, time) for name, how in MADE.items())
        )
        .group_by(bucket)
        .order_by(bucket)
    )


def _part(ticker: int, part: Part, *, adjusted: bool) -> Select:
    source = part.source
    if not source.width:
        return days(ticker, part.since, part.until, adjusted=adjusted)
    time = column(source.time, DateTime(timezone=True))
    values = (cast(column(f"{name}_{how}"), Double).label(name) for name, how in MADE.items())
    return (
        select(time.label("time"), *values)
        .select_from(table(source.table))
        .where(column(KEY) == ticker, time >= part.since, time < part.until)
    )


def _made(value: ColumnElement, how: str, time: ColumnElement) -> ColumnElement:
    if how in ("first", "last"):
        return getattr(func, how)(value, time).filter(value.isnot(None)).label(value.key)
    return getattr(func, how)(value).label(value.key)


def arrays(rows: Sequence[Sequence], count: int) -> list[np.ndarray]:
    """Return the first column of rows as datetime64[us] in UTC, and ``count`` more as float64."""
    times, *columns = zip(*rows, strict=True) if rows else [()] * (1 + count)
    bare = [time.astimezone(UTC).replace(tzinfo=None) for time in times]
    return [np.array(bare, "datetime64[us]"), *(np.array(each, "f8") for each in columns)]
