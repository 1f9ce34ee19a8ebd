"""Forecasts: models that were trained, and how they did."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base
from timestack.models.markets import Ticker


class Forecast(Base):
    """One model of a ticker's direction, trained before ``test_day`` and judged from there on.

    ``settings`` is what was asked for (``ForecastParams``); with the same ``versions`` of the
    libraries and the same ``data_hash`` they give the same ``verdict`` and ``course``
    (``domains.forecast.verdict``). Days are dates of trading: the first that was used, the first
    and the last of the test part. Rows are days with all their features and a label.
    """

    __tablename__ = "forecasts"
    __table_args__ = (
        # The list: newest first, of all and of a ticker.
        Index("forecasts_created_at_idx", "created_at", "id"),
        Index("forecasts_ticker_id_idx", "ticker_id", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    ticker_id: Mapped[int] = mapped_column(ForeignKey("tickers.id", ondelete="CASCADE"))
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    data_hash: Mapped[str]
    versions: Mapped[dict[str, str]] = mapped_column(JSONB)
    first_day: Mapped[date]
    test_day: Mapped[date]
    last_day: Mapped[date]
    train_rows: Mapped[int]
    test_rows: Mapped[int]
    seconds: Mapped[float]
    verdict: Mapped[dict[str, Any]] = mapped_column(JSONB)
    course: Mapped[dict[str, Any]] = mapped_column(JSONB, deferred=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ticker: Mapped[Ticker] = relationship(lazy="joined", innerjoin=True)
