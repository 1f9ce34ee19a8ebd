"""Tickers and their daily prices."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Text, View
from timestack.domains.keyset import named
from timestack.domains.markets import listing
from timestack.models.markets import Ticker

tickers = Resource("tickers", __name__, url_prefix="/tickers", about="Listed companies.")
prices = Resource("prices", __name__, url_prefix="/prices", about="Their prices, day by day.")


class TickersQuery(paging.ListQuery):
    """Which tickers: of an industry, whose name holds ``name``, in capitals or not."""

    industry: Text | None = None
    name: Text | None = None
    sort: Literal["id", "-id", "symbol", "-symbol", "name", "-name", "industry", "-industry"] = (
        "symbol"
    )


class TickerView(View):
    """A company's listing."""

    id: int
    symbol: str
    name: str
    industry: str


class TickerList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[TickerView]
    next: str | None


class PricesQuery(paging.DaysQuery):
    """Whose prices, by symbol or id, and of which days: ``start <= day < end``."""

    ticker: Text


class PriceView(View):
    """A trading day's prices in US dollars.

    ``adjusted_close`` takes later splits and dividends into account, the other prices do not.
    """

    day: date = Field(validation_alias="time")
    open: float
    high: float
    low: float
    close: float
    volume: int
    adjusted_close: float


class PriceList(View):
    """A part of a ticker's days, oldest first; ``next`` is the cursor of the next part."""

    ticker: TickerView
    items: list[PriceView]
    next: str | None


@tickers.get("", query=TickersQuery, answer=TickerList)
def index(query: TickersQuery) -> Answer:
    """List tickers.

    In the order of ``sort``, with a minus in reverse; ``next`` and the header Link lead on.
    """
    order = named(listing.ORDERS, query.sort)
    chosen = query.model_dump(include={"industry", "name"})
    with db.session() as session:
        rows = listing.listed(session, order, paging.part(query, order), **chosen)
    return paging.answer(TickerList, query, order, rows)


@tickers.get("/<reference>", answer=TickerView, problems=(404,))
def show(reference: str) -> TickerView:
    """Show a ticker by its symbol, or by its id where no symbol is the same."""
    with db.session() as session:
        return TickerView.model_validate(found(session, reference))


@prices.get("", query=PricesQuery, answer=PriceList, problems=(404,))
def daily(query: PricesQuery) -> Answer:
    """List a ticker's daily prices, oldest first.

    Those of ``start`` are the first, and those of ``end`` are not among them; ``next`` and the
    header Link lead on.
    """
    part = paging.part(query, listing.BY_DAY)
    with db.session() as session:
        ticker = found(session, query.ticker)
        rows = listing.prices(session, ticker, part, start=query.start, end=query.end)
    return paging.answer(PriceList, query, listing.BY_DAY, rows, ticker=ticker)


def found(session: Session, reference: str) -> Ticker:
    """Return the ticker of a symbol or an id. Raises NotFound."""
    ticker = listing.find(session, reference)
    if ticker is None:
        raise NotFound(f"There is no ticker {reference}.")
    return ticker
