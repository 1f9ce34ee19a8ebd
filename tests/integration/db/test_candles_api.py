"""Candles and comparisons over HTTP: what a chart asks for, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.db.conftest import Database

pytestmark = pytest.mark.database

CANDLES, COMPARISON = "/api/v1/candles", "/api/v1/comparison"
DAY = 86_400_000
# 2013-01-01, 2013-01-03
FIRST, THIRD = 1_356_998_400_000, 1_357_171_200_000


@pytest.fixture(scope="module", autouse=True)
def markets(provisioned: Database) -> Database:
    """AAA costs n on the n-th of January, was split in halves then, and BBB costs 5 always."""
    provisioned.sql(
        "insert into tickers (symbol, name, industry) values ('AAA', 'Acme Anvils', 'Tools'),"
        " ('BBB', 'Bolt', 'Tools'), ('BRK.B', 'Berk', 'Money');"
        " insert into prices_daily"
        " select timestamptz '2013-01-01Z' + (n - 1) * interval '1 day', 1, n, n + 1, n - 0.5, n,"
        " 3000000000 + n, n / 2.0 from generate_series(1, 30) as n;"
        " insert into prices_daily"
        " select time, 2, 5, 5, 5, 5, 0, 5 from prices_daily where time >= '2013-01-03Z'"
    )
    return provisioned


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("viewer")


def get(client: FlaskClient, address: str) -> dict[str, Any]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def faulty(client: FlaskClient, address: str) -> list[str]:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), answer.text
    return [each["parameter"] for each in answer.get_json()["errors"]]


def test_candles_travel_as_arrays(client: FlaskClient) -> None:
    address = f"{CANDLES}?ticker=AAA&start=2013-01-03&end=2013-01-05&average=2&average=4"
    assert get(client, address) == {
        "ticker": {"id": 1, "symbol": "AAA", "name": "Acme Anvils", "industry": "Tools"},
        "adjusted": False,
        "whole": {"first": "2013-01-01", "last": "2013-01-30"},
        "start": "2013-01-03",
        "end": "2013-01-05",
        "bucket": None,
        "tables": ["prices_daily"],
        "before": 2.0,
        "time": {"unit": "ms", "start": THIRD, "step": DAY},
        "open": [3.0, 4.0],
        "high": [4.0, 5.0],
        "low": [2.5, 3.5],
        "close": [3.0, 4.0],
        "volume": [3000000003, 3000000004],
        "averages": [{"days": 2, "values": [2.5, 3.5]}, {"days": 4, "values": [None, 2.5]}],
    }
    adjusted = get(client, f"{address}&adjusted=true")
    assert (adjusted["open"], adjusted["before"]) == ([1.5, 2.0], 1.0)
    assert adjusted["averages"][0]["values"] == [1.25, 1.75]


def test_no_more_bars_travel_than_were_asked_for(client: FlaskClient) -> None:
    whole = get(client, f"{CANDLES}?ticker=AAA&points=5")
    assert whole["bucket"] == 7 * 86400
    assert len(whole["open"]) == 5
    # The week of Monday, 31 December.
    assert whole["time"] == {"unit": "ms", "start": FIRST - DAY, "step": 7 * DAY}
    assert (whole["start"], whole["end"]) == ("2013-01-01", "2013-01-31")
    assert len(get(client, f"{CANDLES}?ticker=AAA&points=1")["open"]) == 1


def test_a_ticker_without_prices_then_or_ever_has_empty_arrays(client: FlaskClient) -> None:
    never = get(client, f"{CANDLES}?ticker=BRK.B&average=20")
    assert (never["whole"], never["start"], never["end"]) == (None, None, None)
    then = get(client, f"{CANDLES}?ticker=AAA&start=9999-12-30&end=9999-12-31")
    assert then["whole"] == {"first": "2013-01-01", "last": "2013-01-30"}
    for answer in (never, then):
        assert answer["time"] == {"unit": "ms", "start": None, "step": 0}
        assert (answer["open"], answer["volume"], answer["before"]) == ([], [], None)


def test_tickers_are_compared_in_percent(client: FlaskClient) -> None:
    found = get(client, f"{COMPARISON}?ticker=AAA&ticker=BBB&ticker=BRK.B&ticker=1&end=2013-01-05")
    assert (found["start"], found["end"]) == ("2013-01-01", "2013-01-05")
    assert [each["ticker"]["symbol"] for each in found["series"]] == ["AAA", "BBB", "BRK.B"]
    first, second, none = found["series"]
    assert first["percent"] == [0.0, 100.0, 200.0, 300.0]
    assert (first["first"], first["price"]) == ("2013-01-01", 1.0)
    assert second["percent"] == [0.0, 0.0]
    assert (second["first"], second["time"]["start"]) == ("2013-01-03", THIRD)
    assert (none["first"], none["price"], none["percent"]) == (None, None, [])


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    for address in (f"{CANDLES}?ticker=AAA&range=7d", f"{COMPARISON}?ticker=AAA&ticker=BBB"):
        answer = client.get(address)
        again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (answer.status_code, again.status_code, again.data) == (200, 304, b"")


def test_a_symbol_that_is_not_there_is_named(client: FlaskClient) -> None:
    for address in (f"{CANDLES}?ticker=XYZ", f"{COMPARISON}?ticker=AAA&ticker=XYZ"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "no ticker XYZ" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "ticker"),
        ("ticker=%00", "ticker"),
        ("ticker=AAA&start=2013-01-02&end=2013-01-01", "end"),
        ("ticker=AAA&start=2013-01-02&end=2013-01-02", "end"),
        ("ticker=AAA&end=10000-01-01", "end"),
        ("ticker=AAA&start=2013-01-01T00:00:00Z", "start"),
        ("ticker=AAA&range=2d", "range"),
        ("ticker=AAA&range=1m&range=1m", "range"),
        ("ticker=AAA&points=0", "points"),
        ("ticker=AAA&points=1e3", "points"),
        ("ticker=AAA&points=5001", "points"),
        ("ticker=AAA&adjusted=1", "adjusted"),
        ("ticker=AAA&adjusted=", "adjusted"),
        ("ticker=AAA&span=1m", "span"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    client: FlaskClient, query: str, parameter: str
) -> None:
    assert faulty(client, f"{CANDLES}?{query}") == [parameter]
    assert faulty(client, f"{COMPARISON}?{query}") == [parameter]


def test_there_are_a_few_averages_and_tickers_at_most(client: FlaskClient) -> None:
    for average in ("1", "501", "20&average=x"):
        assert faulty(client, f"{CANDLES}?ticker=AAA&average={average}") == ["average"]
    several = "&".join(f"average={n}" for n in range(2, 8))
    assert faulty(client, f"{CANDLES}?ticker=AAA&{several}") == ["average"]
    assert faulty(client, f"{CANDLES}?ticker=AAA&ticker=BBB") == ["ticker"]
    assert faulty(client, f"{COMPARISON}?{'&'.join(['ticker=AAA'] * 13)}") == ["ticker"]
