"""Candles of a ticker, and its moving averages, as a chart draws them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import numpy as np
from flask import Response
from pydantic import ConfigDict, Field

from timestack import db
from timestack.api.markets import TickerView, found
from timestack.api.operation import JSON, Resource, conditional
from timestack.api.series import TimesView
from timestack.api.types import Between, Digits, Flag, Text, View
from timestack.domains.markets import candles, comparison
from timestack.domains.markets.bars import PRICES
from timestack.domains.markets.spans import Range
from timestack.series import encode

resource = Resource(
    "candles", __name__, url_prefix="/candles", about="Prices of a ticker, as a chart draws them."
)

MOST_POINTS = 5000
MOST_AVERAGES = 5
Length = Annotated[int, Field(ge=2, le=500), Digits]


class ChartQuery(Between):
    """Of which days, ``start <= day < end``, and how finely."""

    range: Annotated[
        Range,
        Field(description="Where there is no `start`: the days up to the last one that are read."),
    ] = "all"
    points: Annotated[
        int, Field(ge=1, le=MOST_POINTS, description="How many to give at most."), Digits
    ] = 500
    adjusted: Annotated[
        Flag, Field(description="Whether later splits and dividends are taken into account.")
    ] = False

    def chart(self) -> dict[str, Any]:
        """The members that all charts have."""
        return self.model_dump(include=set(ChartQuery.model_fields))


class CandlesQuery(ChartQuery):
    """Whose candles, by symbol or id."""

    ticker: Text
    average: Annotated[
        list[Length],
        Field(max_length=MOST_AVERAGES, description="Trading days of a moving average."),
    ] = Field(default_factory=list)


class AverageView(View):
    """The mean of the closing prices of so many trading days, up to a bar's last; null before."""

    days: int
    values: list[float | None]


class WholeView(View):
    """The first and the last day with prices, both inclusive."""

    first: date
    last: date


class ChartView(View):
    """What is answered of days: ``start <= day < end``; these and ``whole`` null without prices."""

    # Times have either `step` or `deltas`.
    model_config = ConfigDict(json_schema_mode="validation")

    adjusted: bool
    whole: WholeView | None
    start: date | None
    end: date | None
    bucket: float | None


class CandlesView(ChartView):
    """Bars, each of a trading day, or where ``bucket`` is not null of so many seconds.

    Prices are in US dollars. ``before`` is the closing price before the first bar.
    """

    ticker: TickerView
    tables: list[str]
    before: float | None
    time: TimesView
    open: list[float | None]
    high: list[float | None]
    low: list[float | None]
    close: list[float | None]
    volume: list[float | None]
    averages: list[AverageView]


@resource.get("", query=CandlesQuery, answer=CandlesView, problems=(404,))
def index(query: CandlesQuery) -> Response:
    """Open, high, low and close of a ticker over time, with its volume and moving averages.

    A bar is a trading day, or where these are more than `points` so many weeks that they are not:
    then the first and the last bar are whole, and may have days outside of the range. `adjusted`
    takes each day's prices times `adjusted_close / close` of that day; the volume stays as it was.

    `average`, as often as there are several, is a number of trading days.
    """
    lengths = list(dict.fromkeys(query.average))
    with db.session() as session:
        ticker = found(session, query.ticker)
        read = candles.read(session, ticker, averages=lengths, **query.chart())
    prices = {name: read.values[name] for name in PRICES}
    span = encode.span(*prices.values())
    content = {
        "ticker": TickerView.model_validate(ticker).model_dump(),
        **about(query, read),
        "tables": read.tables,
        "before": read.before,
        "time": encode.times(read.time),
        **{name: encode.compact(values, span) for name, values in prices.items()},
        "volume": _whole(read.values["volume"]),
        "averages": [
            {"days": length, "values": encode.compact(read.averages[length], span)}
            for length in lengths
        ],
    }
    return conditional(Response(encode.dumps(content), content_type=JSON))


def about(query: ChartQuery, read: candles.Candles | comparison.Comparison) -> dict[str, Any]:
    """Return the members of ChartView."""
    whole, days = read.whole, read.days
    return {
        "adjusted": query.adjusted,
        "whole": whole and {"first": whole.first.date(), "last": whole.last.date()},
        "start": days.start if days else query.start,
        "end": days.end if days else query.end,
        "bucket": read.bucket and read.bucket.total_seconds(),
    }


def _whole(values: np.ndarray) -> np.ndarray:
    """The same as whole numbers, which are shorter, unless one is missing."""
    return values.astype(np.int64) if np.isfinite(values).all() else values
