"""Forecasts that were made, as they are kept."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from timestack.domains.keyset import Order, Part
from timestack.models.forecasts import Forecast
from timestack.models.markets import Ticker

NEWEST = Order((Forecast.created_at, Forecast.id), descending=True)


def listed(
    session: Session, part: Part, *, symbol: str | None = None, classifier: str | None = None
) -> list[Forecast]:
    """Return a part of the forecasts of a ticker and a classifier, newest first, no ``course``."""
    statement = select(Forecast)
    if symbol is not None:
        statement = statement.join(Ticker, Ticker.id == Forecast.ticker_id)
        statement = statement.where(Ticker.symbol == symbol)
    if classifier is not None:
        statement = statement.where(Forecast.settings["classifier"].as_string() == classifier)
    return list(session.scalars(NEWEST.apply(statement, part)))


def get(session: Session, *ids: int) -> list[Forecast]:
    """Return the forecasts of these ids that there are, in the ids' order, each with its course."""
    wanted = select(Forecast).where(Forecast.id.in_(ids)).options(undefer(Forecast.course))
    found = {each.id: each for each in session.scalars(wanted)}
    return [found[id] for id in dict.fromkeys(ids) if id in found]


def delete(session: Session, id: int) -> bool:
    """Delete a forecast; False where there is none of that id."""
    return session.execute(sa.delete(Forecast).where(Forecast.id == id)).rowcount > 0
