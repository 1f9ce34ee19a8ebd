"""The prices that a forecast is made of, adjusted by what each day says of itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from timestack.domains.forecast import daily
from timestack.models.markets import DailyPrice, Ticker

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

NAMES = ("open", "high", "low", "close", "volume", "adjusted_close")
# Two shares for one on the 7th, no price on the 8th, no volume on the 9th; the rows in no order.
DAYS = {
    5: (40, 44, 39, 42, 1000, 21),
    6: (42, 48, 41, 46, 3000, 23),
    7: (23, 24, 22, 23, 5000, 23),
    8: (0, 0, 0, 0, 0, 0),
    9: (23, 26, 23, 25, 0, 25),
    2: (38, 42, 37, 40, 800, 20),
}


@pytest.fixture(scope="module")
def prices(provisioned: Database) -> Database:
    with Session(provisioned.engine()) as session, session.begin():
        listed = [{"symbol": s, "name": s, "industry": "Tools"} for s in ("ONE", "TWO", "NONE")]
        session.execute(insert(Ticker), listed)
        rows = [
            {
                "time": datetime(2013, 1, day, tzinfo=UTC),
                "ticker_id": ticker,
                **dict(zip(NAMES, values, strict=True)),
            }
            for ticker in (1, 2)
            for day, values in DAYS.items()
        ]
        session.execute(insert(DailyPrice), rows)
    return provisioned


def read(prices: Database, ticker: int) -> daily.Daily:
    with Session(prices.engine("app")) as session:
        return daily.read(session, ticker)


def test_prices_before_a_split_are_halved_and_their_volume_is_doubled(prices: Database) -> None:
    found = read(prices, 1)
    assert found.day.tolist() == [date(2013, 1, day) for day in (2, 5, 6, 7, 9)]
    assert found.open.tolist() == [19, 20, 21, 23, 23]
    assert found.high.tolist() == [21, 22, 24, 24, 26]
    assert found.low.tolist() == [18.5, 19.5, 20.5, 22, 23]
    assert found.close.tolist() == [20, 21, 23, 23, 25]
    assert found.volume.tolist() == [1600, 2000, 6000, 5000, 0]


def test_a_ticker_without_prices_has_no_days(prices: Database) -> None:
    found = read(prices, 3)
    assert [len(values) for values in found] == [0] * 6
    assert found.day.dtype == np.dtype("datetime64[D]")


def test_equal_prices_have_one_hash_and_others_another(prices: Database) -> None:
    one, other = read(prices, 1), read(prices, 2)
    assert one.hash == other.hash
    moved = other._replace(close=other.close + 0.01)
    assert len({one.hash, moved.hash, read(prices, 3).hash}) == 3
