"""Candles, moving averages and comparisons, against numpy on the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.domains.markets import candles, comparison
from timestack.models.markets import DailyPrice, Ticker
from timestack.series import catalog, rollups

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

# Two years of weekdays, some of them holidays, and in the middle a split in halves.
CALENDAR = np.arange("2011-01-03", "2013-01-01", dtype="datetime64[D]")
WEEKDAYS = CALENDAR[np.is_busday(CALENDAR)]
DAYS = WEEKDAYS[np.arange(len(WEEKDAYS)) % 13 != 5]
COUNT = len(DAYS)
CHANCE = np.random.default_rng(11)
FACTOR = np.where(np.arange(COUNT) < COUNT // 2, 0.5, 1.0)
CLOSE = np.round((60 + CHANCE.normal(0, 1, COUNT).cumsum()) / FACTOR, 2)
OPEN = np.round(CLOSE + CHANCE.normal(0, 1, COUNT), 2)
HIGH, LOW = np.maximum(OPEN, CLOSE) + 1, np.minimum(OPEN, CLOSE) - 1
VOLUME = CHANCE.integers(10**6, 10**10, COUNT)
ADJUSTED = CLOSE * FACTOR
MONDAY = np.datetime64("2000-01-03")
WEEK = timedelta(days=7)


def rows(ticker: int, days: np.ndarray, *values: np.ndarray) -> list[dict]:
    names = ("open", "high", "low", "close", "volume", "adjusted_close")
    return [
        {
            "time": datetime.combine(day, time(), UTC),
            "ticker_id": ticker,
            **dict(zip(names, each, strict=True)),
        }
        for day, *each in zip(days.tolist(), *(v.tolist() for v in values), strict=True)
    ]


@pytest.fixture(scope="module")
def prices(provisioned: Database) -> Database:
    """AAA has what is above, BBB from its 100th day on and twice that, CCC one day, DDD none."""
    found = [OPEN, HIGH, LOW, CLOSE, VOLUME, ADJUSTED]
    with Session(provisioned.engine()) as session, session.begin():
        listed = [
            {"symbol": s, "name": s, "industry": "Tools"} for s in ("AAA", "BBB", "CCC", "DDD")
        ]
        session.execute(insert(Ticker), listed)
        session.execute(insert(DailyPrice), rows(1, DAYS, *found))
        double = [*(2 * each for each in found[:4]), VOLUME, 2 * ADJUSTED]
        session.execute(insert(DailyPrice), rows(2, DAYS[100:], *(v[100:] for v in double)))
        session.execute(insert(DailyPrice), rows(3, DAYS[:1], *(v[:1] for v in found)))
    with Session(provisioned.engine("app")) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE), full=False)
    return provisioned


@pytest.fixture
def session(prices: Database) -> Iterator[Session]:
    with Session(prices.engine("app")) as session:
        yield session


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))


def candles_of(session: Session, id: int = 1, **asked) -> candles.Candles:
    return candles.read(session, session.get(Ticker, id), **{"points": 5000, **asked})


def made(width: int, factor: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """The bars of a width in days by numpy, their values, and which day is the last of each."""
    size = np.timedelta64(width, "D")
    time, first = np.unique(MONDAY + (DAYS - MONDAY) // size * size, return_index=True)
    last = np.append(first[1:], COUNT) - 1
    values = {
        "open": (OPEN * factor)[first],
        "high": np.maximum.reduceat(HIGH * factor, first),
        "low": np.minimum.reduceat(LOW * factor, first),
        "close": (CLOSE * factor)[last],
        "volume": np.add.reduceat(VOLUME, first),
    }
    return time, values, last


def average(length: int, prices: np.ndarray) -> np.ndarray:
    means = np.lib.stride_tricks.sliding_window_view(prices, length).mean(axis=1)
    return np.append(np.full(length - 1, np.nan), means)


@pytest.mark.parametrize("adjusted", [False, True])
def test_each_bar_is_a_trading_day_where_there_is_room(session: Session, adjusted: bool) -> None:
    found = candles_of(session, adjusted=adjusted, averages=(20, 200))
    factor = FACTOR if adjusted else 1
    assert found.bucket is None
    assert (found.time.astype("datetime64[D]") == DAYS).all()
    for name, values in {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE}.items():
        np.testing.assert_allclose(found.values[name], values * factor, rtol=1e-12)
    assert (found.values["volume"] == VOLUME).all()
    for length in (20, 200):
        expected = average(length, CLOSE * factor)
        np.testing.assert_allclose(found.averages[length], expected, rtol=1e-9)
    assert found.before is None


@pytest.mark.parametrize("adjusted", [False, True])
@pytest.mark.parametrize(
    ("points", "width", "table"),
    [(400, 7, "prices_daily_7d"), (60, 14, "prices_daily_7d"), (27, 28, "prices_daily_28d"),
     (5, 196, "prices_daily_28d")],
)  # fmt: skip
def test_longer_bars_are_made_of_their_days(
    session: Session, points: int, width: int, table: str, adjusted: bool
) -> None:
    found = candles_of(session, points=points, adjusted=adjusted, averages=(20,))
    factor = FACTOR if adjusted else np.ones(COUNT)
    time, values, last = made(width, factor)
    assert found.bucket == timedelta(days=width)
    assert len(found.time) <= points
    assert (found.time.astype("datetime64[D]") == time).all()
    for name, each in values.items():
        np.testing.assert_allclose(found.values[name], each, rtol=1e-12, err_msg=name)
    # What came since the last bucket of the rollup is of the tables below it.
    assert found.tables[0] == ("prices_daily" if adjusted else table)
    np.testing.assert_allclose(found.averages[20], average(20, CLOSE * factor)[last], rtol=1e-9)


def test_the_first_average_in_view_is_of_the_days_before_it(session: Session) -> None:
    start = DAYS[250].item()
    found = candles_of(session, start=start, averages=(2, 200))
    assert found.averages[200][0] == pytest.approx(CLOSE[51:251].mean())
    assert found.averages[2][0] == pytest.approx(CLOSE[249:251].mean())
    assert found.before == CLOSE[249]


def test_a_range_goes_back_from_the_newest_day(session: Session) -> None:
    def first(**asked) -> date:
        return candles_of(session, **asked).days.start

    assert first(range="7d") == date(2012, 12, 24)
    assert first(range="14d") == date(2012, 12, 17)
    assert first(range="1m") == date(2012, 11, 30)
    assert first(range="3m") == date(2012, 9, 30)
    assert first(range="1y") == date(2011, 12, 31)
    assert first(range="all") == date(2011, 1, 3)
    assert first(range="1m", end=date(2012, 3, 31)) == date(2012, 2, 29)
    assert first(range="1m", start=date(2012, 2, 2)) == date(2012, 2, 2)
    assert first(start=date(1, 1, 1), end=date.max) == date(2011, 1, 3)


def test_rows_that_no_refresh_has_seen_are_in_the_newest_bar(
    session: Session, prices: Database
) -> None:
    before = candles_of(session, points=60)
    session.commit()
    prices.sql("insert into prices_daily values ('2013-01-02Z', 1, 70, 999, 1, 71, 5, 71)")
    try:
        found = candles_of(session, points=60)
    finally:
        prices.sql("delete from prices_daily where time = '2013-01-02Z'")
    assert (found.time[:-1] == before.time[:-1]).all()
    newest = {name: values[-1] for name, values in found.values.items()}
    old = {name: values[-1] for name, values in before.values.items()}
    assert newest == {
        "open": old["open"],
        "high": 999,
        "low": 1,
        "close": 71,
        "volume": old["volume"] + 5,
    }


def test_one_day_and_none_are_answered(session: Session) -> None:
    found = candles_of(session, 3, points=1, range="7d", averages=(20,))
    assert found.values["close"].tolist() == [CLOSE[0]]
    assert np.isnan(found.averages[20]).all()
    for nothing in (
        candles_of(session, 4, averages=(20,)),
        candles_of(session, start=date(2020, 1, 1), averages=(20,)),
        candles_of(session, end=date(2000, 1, 1), averages=(20,)),
        # A weekend.
        candles_of(session, start=date(2011, 1, 8), end=date(2011, 1, 10), averages=(20,)),
    ):
        assert len(nothing.time) == len(nothing.averages[20]) == 0
        assert all(len(values) == 0 for values in nothing.values.values())


def test_a_price_of_nothing_has_no_factor(session: Session, prices: Database) -> None:
    session.commit()
    prices.sql("insert into prices_daily values ('2013-01-02Z', 3, 5, 6, 0, 0, 5, 0)")
    try:
        found = candles_of(session, 3, adjusted=True)
        whole = candles_of(session, 3, adjusted=True, points=1)
    finally:
        prices.sql("delete from prices_daily where time = '2013-01-02Z'")
    assert found.values["close"][-1] == 0
    assert np.isnan([found.values[name][-1] for name in ("open", "high", "low")]).all()
    assert whole.values["open"].tolist() == [OPEN[0] * FACTOR[0]]


def test_tickers_are_compared_from_the_first_day_of_each(session: Session) -> None:
    tickers = [session.get(Ticker, id) for id in (1, 2, 3, 4)]
    for adjusted, prices in ((False, CLOSE), (True, ADJUSTED)):
        found = comparison.read(session, tickers, points=5000, adjusted=adjusted)
        assert [len(each.time) for each in found.changes] == [COUNT, COUNT - 100, 1, 0]
        first, second, third, none = found.changes
        np.testing.assert_allclose(first.percent, (prices / prices[0] - 1) * 100, atol=1e-9)
        np.testing.assert_allclose(
            second.percent, (prices / prices[100] - 1)[100:] * 100, atol=1e-9
        )
        assert (second.first, second.price) == (DAYS[100].item(), 2 * prices[100])
        assert third.percent.tolist() == [0]
        assert (none.first, none.price) == (None, None)


def test_a_long_comparison_begins_with_the_first_day_and_goes_on_by_buckets(
    session: Session,
) -> None:
    start = DAYS[203].item()
    tickers = [session.get(Ticker, id) for id in (1, 2)]
    found = comparison.read(session, tickers, start=start, points=60, adjusted=True)
    assert found.bucket >= WEEK
    for each in found.changes:
        assert len(each.time) <= 61
        assert (each.first, each.percent[0]) == (start, 0)
        assert each.percent[-1] == pytest.approx((ADJUSTED[-1] / ADJUSTED[203] - 1) * 100)


def test_a_comparison_with_a_price_of_nothing_has_no_numbers(
    session: Session, prices: Database
) -> None:
    session.commit()
    prices.sql("insert into prices_daily select d, 4, 0, 0, 0, 0, 0, 0 from generate_series("
               "timestamptz '2013-01-02Z', '2013-01-04Z', '1 day') as d")  # fmt: skip
    try:
        found = comparison.read(session, [session.get(Ticker, 4)], points=10)
    finally:
        prices.sql("delete from prices_daily where ticker_id = 4")
    assert np.isnan(found.changes[0].percent).tolist() == [True, True, True]
