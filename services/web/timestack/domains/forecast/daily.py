"""The daily prices that a forecast is made of."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.domains.markets import bars
from timestack.models.markets import DailyPrice


class Daily(NamedTuple):
    """A ticker's days of trading, oldest first, each array of the same length.

    ``day`` is datetime64[D], the UTC date. Prices are float64 in US dollars, adjusted for splits
    and dividends; ``volume`` is float64 in shares, so adjusted that price times volume stays.
    """

    day: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    @property
    def hash(self) -> str:
        """SHA-256 of all values, in hexadecimal digits."""
        digest = sha256()
        for values in self:
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def read(session: Session, ticker: int) -> Daily:
    """Return all days of a ticker by its id, without those of which a value is not a number."""
    own = DailyPrice
    columns = (own.time, own.open, own.high, own.low, own.close, own.volume, own.adjusted_close)
    statement = select(*columns).where(own.ticker_id == ticker).order_by(own.time)
    time, *prices, paid, volume, close = bars.arrays(session.execute(statement).all(), 6)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = close / paid
        adjusted = [price * factor for price in prices]
        found = Daily(time.astype("datetime64[D]"), *adjusted, close, volume / factor)
    whole = np.isfinite(np.stack(found[1:])).all(axis=0) & (found.close > 0)
    return Daily(*(values[whole] for values in found))
