"""Tickers and their daily prices."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.domains.keyset import Order, Part
from timestack.models.markets import DailyPrice, Ticker

ORDERS = {
    "id": Order((Ticker.id,)),
    "symbol": Order((Ticker.symbol,)),
    "name": Order((Ticker.name, Ticker.id)),
    "industry": Order((Ticker.industry, Ticker.id)),
}
BY_DAY = Order((DailyPrice.time,))


def catalogue(session: Session) -> list[Ticker]:
    """Return all tickers in reading order, by industry and symbol: one query, a small table."""
    found = session.scalars(select(Ticker))
    return sorted(found, key=lambda each: (each.industry, each.symbol))


def listed(
    session: Session,
    order: Order,
    part: Part,
    *,
    industry: str | None = None,
    name: str | None = None,
) -> list[Ticker]:
    """Return a part of the tickers of an industry whose company's name holds ``name``."""
    statement = select(Ticker)
    if industry is not None:
        statement = statement.where(Ticker.industry == industry)
    if name is not None:
        statement = statement.where(Ticker.name.icontains(name, autoescape=True))
    return list(session.scalars(order.apply(statement, part)))


def of_symbol(session: Session, symbol: str) -> Ticker | None:
    """Return the ticker of a symbol, or None."""
    return session.scalar(select(Ticker).where(Ticker.symbol == symbol))


def find(session: Session, reference: str) -> Ticker | None:
    """Return the ticker of a symbol, else of an id in digits, or None."""
    ticker = of_symbol(session, reference)
    if ticker is None and reference.isascii() and reference.isdecimal() and len(reference) < 19:
        return session.scalar(select(Ticker).where(Ticker.id == int(reference)))
    return ticker


def prices(
    session: Session,
    ticker: Ticker,
    part: Part,
    *,
    start: date | None = None,
    end: date | None = None,
) -> list[DailyPrice]:
    """Return a part of a ticker's days, ``start <= day < end``, oldest first."""
    statement = select(DailyPrice).where(DailyPrice.ticker_id == ticker.id)
    if start is not None:
        statement = statement.where(DailyPrice.time >= _midnight(start))
    if end is not None:
        statement = statement.where(DailyPrice.time < _midnight(end))
    return list(session.scalars(BY_DAY.apply(statement, part)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
