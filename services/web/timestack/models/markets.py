"""Listed companies and their daily prices."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base


class Ticker(Base):
    """A company's listing."""

    __tablename__ = "tickers"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    symbol: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    industry: Mapped[str]


class DailyPrice(Base):
    """One trading day: ``time`` is its date at 00:00 UTC, prices are in US dollars.

    ``adjusted_close`` takes later splits and dividends into account, the other prices do not.
    """

    __tablename__ = "prices_daily"
    __mapper_args__: ClassVar = {"primary_key": ["ticker_id", "time"]}

    time: Mapped[datetime]
    ticker_id: Mapped[int] = mapped_column(ForeignKey("tickers.id"))
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    volume: Mapped[int] = mapped_column(BigInteger)
    adjusted_close: Mapped[float]
