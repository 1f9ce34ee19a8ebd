"""Several tickers on one scale."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask import Response
from pydantic import Field

from timestack import db
from timestack.api.candles import ChartQuery, ChartView, about
from timestack.api.markets import TickerView, found
from timestack.api.operation import JSON, Resource, conditional
from timestack.api.series import TimesView
from timestack.api.types import Text, View
from timestack.domains.markets import comparison
from timestack.series import encode

resource = Resource(
    "comparison",
    __name__,
    url_prefix="/comparison",
    about="How tickers have changed beside one another.",
)

MOST_TICKERS = 12


class ComparisonQuery(ChartQuery):
    """Which tickers, by symbol or id; the first one says which days there are."""

    ticker: Annotated[list[Text], Field(min_length=1, max_length=MOST_TICKERS)]


class ChangeView(View):
    """How a closing price has changed since the ``first`` trading day, in percent.

    The first point is that day, whose closing price in US dollars is ``price``; null where a ticker
    has no prices then.
    """

    ticker: TickerView
    first: date | None
    price: float | None
    time: TimesView
    percent: list[float | None]


class ComparisonView(ChartView):
    """A change for each ticker, in the order in which they were given.

    Where ``bucket`` is not null, all points but the first are of so many seconds, and have the last
    closing price of these.
    """

    series: list[ChangeView]


@resource.get("", query=ComparisonQuery, answer=ComparisonView, problems=(404,))
def index(query: ComparisonQuery) -> Response:
    """How much each ticker has changed since its first trading day of a range.

    `ticker` is given once for each of them. Without `end` it is up to the newest day of the first.
    """
    with db.session() as session:
        given = [found(session, each) for each in query.ticker]
        tickers = list({ticker.id: ticker for ticker in given}.values())
        read = comparison.read(session, tickers, **query.chart())
    span = encode.span(*(each.percent for each in read.changes))
    content = {
        **about(query, read),
        "series": [
            {
                "ticker": TickerView.model_validate(each.ticker).model_dump(),
                "first": each.first,
                "price": each.price,
                "time": encode.times(each.time),
                "percent": encode.compact(each.percent, span),
            }
            for each in read.changes
        ],
    }
    return conditional(Response(encode.dumps(content), content_type=JSON))
