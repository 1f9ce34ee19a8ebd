"""The tickers that can be forecast, and those that were."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.models.forecasts import Forecast
from timestack.models.markets import DailyPrice, Ticker

# What is held back to judge a model by, unless there is little more than that.
USUAL_TEST = timedelta(days=730)
# The least part of the days that a model is trained on by default.
TRAINED = 2 / 3


class Span(NamedTuple):
    """A ticker and the first and last day of its prices."""

    ticker: Ticker
    first: date
    last: date

    @property
    def test_start(self) -> date:
        """Where a test part of usual length begins."""
        return max(self.last - USUAL_TEST, self.first + (self.last - self.first) * TRAINED)


def spans(session: Session) -> list[Span]:
    """Return the tickers that have prices, by symbol, each end read by the index."""

    def end(which) -> object:
        own = DailyPrice.ticker_id == Ticker.id
        return select(which(DailyPrice.time)).where(own).scalar_subquery()

    found = session.execute(select(Ticker, end(func.min), end(func.max)).order_by(Ticker.symbol))
    return [Span(ticker, _day(first), _day(last)) for ticker, first, last in found if first]


def forecast(session: Session) -> list[str]:
    """Return the symbols of the tickers that have forecasts."""
    theirs = select(Forecast.id).where(Forecast.ticker_id == Ticker.id)
    return list(
        session.scalars(select(Ticker.symbol).where(theirs.exists()).order_by(Ticker.symbol))
    )


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()
