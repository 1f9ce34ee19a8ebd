"""Tickers and their prices over HTTP: by symbol or id, of a range of days, part by part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.db.conftest import Database

pytestmark = pytest.mark.database

TICKERS = "/api/v1/tickers"
PRICES = "/api/v1/prices"
AAA = {"id": 1, "symbol": "AAA", "name": "Acme Anvils", "industry": "Tools"}
DAYS = [f"2013-01-{day:02}" for day in range(1, 31)]


@pytest.fixture(scope="module", autouse=True)
def markets(provisioned: Database) -> Database:
    """The first ticker has a price for each of DAYS, the last one the first one's id as symbol."""
    provisioned.sql(
        "insert into tickers (symbol, name, industry) values ('AAA', 'Acme Anvils', 'Tools'),"
        " ('BBB', 'Bolt', 'Tools'), ('BRK.B', 'Berk', 'Money'), ('3', 'Three', 'Money');"
        " insert into prices_daily"
        " select timestamptz '2013-01-01Z' + (n - 1) * interval '1 day', 1, n, n + 1, n - 0.5, n,"
        " 3000000000 + n, n / 2.0 from generate_series(1, 30) as n"
    )
    return provisioned


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("viewer")


def symbols(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["symbol"] for each in answer.get_json()["items"]]


def days(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["day"] for each in answer.get_json()["items"]]


def bad(answer: TestResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    return answer.get_json()


def test_tickers_are_listed_by_industry_and_name(client: FlaskClient) -> None:
    assert sorted(symbols(client.get(TICKERS))) == ["3", "AAA", "BBB", "BRK.B"]
    assert symbols(client.get(f"{TICKERS}?industry=Tools")) == ["AAA", "BBB"]
    assert symbols(client.get(f"{TICKERS}?industry=Tools&name=bolt")) == ["BBB"]
    assert symbols(client.get(f"{TICKERS}?sort=-id&limit=2")) == ["3", "BRK.B"]
    first = client.get(f"{TICKERS}?sort=industry&limit=3").get_json()
    rest = client.get(f"{TICKERS}?sort=industry&limit=3&cursor={first['next']}").get_json()
    assert [each["id"] for each in first["items"] + rest["items"]] == [3, 4, 1, 2]
    assert rest["next"] is None


def test_a_ticker_is_found_by_its_symbol_or_its_id(client: FlaskClient) -> None:
    assert client.get(f"{TICKERS}/AAA").get_json() == AAA
    assert client.get(f"{TICKERS}/1").get_json() == AAA
    assert client.get(f"{TICKERS}/BRK.B").get_json()["id"] == 3
    assert client.get(f"{TICKERS}/3").get_json()["id"] == 4, "a symbol goes before an id"
    for reference in ("aaa", "9", "-1", "%20AAA", "x" * 5000, "9" * 5000, "١", "²"):
        assert "no ticker" in bad(client.get(f"{TICKERS}/{reference}"), 404)["detail"]


def test_prices_are_listed_oldest_first(client: FlaskClient) -> None:
    answer = client.get(f"{PRICES}?ticker=AAA&start=2013-01-03&end=2013-01-05")
    shown = answer.get_json()
    assert shown["ticker"] == AAA
    assert days(answer) == ["2013-01-03", "2013-01-04"]
    assert shown["items"][0] == {
        "day": "2013-01-03", "open": 3.0, "high": 4.0, "low": 2.5, "close": 3.0,
        "volume": 3000000003, "adjusted_close": 1.5,
    }  # fmt: skip
    assert shown["next"] is None
    assert days(client.get(f"{PRICES}?ticker=1")) == DAYS
    assert days(client.get(f"{PRICES}?ticker=AAA&end=2013-01-02")) == DAYS[:1]
    assert days(client.get(f"{PRICES}?ticker=AAA&start=2013-01-30")) == DAYS[-1:]
    assert days(client.get(f"{PRICES}?ticker=AAA&start=0001-01-01&end=9999-12-31")) == DAYS
    assert days(client.get(f"{PRICES}?ticker=BBB")) == []


def test_prices_walked_by_cursor_are_each_seen_once_while_older_ones_are_added(
    client: FlaskClient, markets: Database
) -> None:
    seen: list[str] = []
    address = f"{PRICES}?ticker=AAA&limit=7&start=2013-01-01"
    number = 0
    try:
        while address:
            number += 1
            answer = client.get(address)
            seen += days(answer)
            markets.sql(
                f"insert into prices_daily values ('2013-01-0{number}T01:00Z', 1, 1, 1, 1, 1, 1, 1)"
            )
            address = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
    finally:
        markets.sql("delete from prices_daily where extract(hour from time) = 1")
    assert (number, seen) == (5, DAYS)


def test_a_cursor_is_of_one_ticker_and_range(client: FlaskClient) -> None:
    cursor = client.get(f"{PRICES}?ticker=AAA&limit=5").get_json()["next"]
    assert days(client.get(f"{PRICES}?ticker=AAA&limit=1&cursor={cursor}")) == DAYS[5:6]
    for other in ("ticker=BBB", "ticker=AAA&start=2013-01-02"):
        problem = bad(client.get(f"{PRICES}?{other}&cursor={cursor}"), 422)
        assert problem["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "ticker"),
        ("ticker=", "ticker"),
        ("ticker=%00", "ticker"),
        ("ticker=AAA&ticker=BBB", "ticker"),
        ("ticker=AAA&start=2013-02-30", "start"),
        ("ticker=AAA&start=2013-01-01T00:00:00Z", "start"),
        ("ticker=AAA&start=20130101", "start"),
        ("ticker=AAA&start=1357000000", "start"),
        ("ticker=AAA&start=null", "start"),
        ("ticker=AAA&start=", "start"),
        ("ticker=AAA&start=0000-01-01", "start"),
        ("ticker=AAA&end=10000-01-01", "end"),
        ("ticker=AAA&end=NaN", "end"),
        ("ticker=AAA&start=2013-01-02&end=2013-01-02", "end"),
        ("ticker=AAA&start=2013-01-02&end=2013-01-01", "end"),
        ("ticker=AAA&start=2013-01-02&start=2013-01-02", "start"),
        ("ticker=AAA&limit=1000000000", "limit"),
        ("ticker=AAA&symbol=AAA", "symbol"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(
    client: FlaskClient, query: str, parameter: str
) -> None:
    problem = bad(client.get(f"{PRICES}?{query}"), 422)
    assert [each["parameter"] for each in problem["errors"]] == [parameter]


def test_prices_of_no_ticker_are_not_found(client: FlaskClient) -> None:
    bad(client.get(f"{TICKERS}/%00"), 404)
    assert "no ticker XYZ" in bad(client.get(f"{PRICES}?ticker=XYZ"), 404)["detail"]
