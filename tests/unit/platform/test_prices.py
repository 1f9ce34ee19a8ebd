"""The prices that the simulated platform offers, read as those of any source."""

from __future__ import annotations

import httpx
import pytest

from media_platform.prices import LISTINGS, document
from timestack.domains.prices.read import read
from timestack.domains.prices.splits import splits


@pytest.mark.parametrize("symbol", LISTINGS)
def test_a_listing_has_prices_of_every_day_with_its_splits(
    client: httpx.Client, symbol: str
) -> None:
    answer = client.get(f"/prices/{symbol}.csv")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["X-Simulated"] == "yes"
    assert answer.content == document(symbol)
    found = read(answer.content, symbol)
    assert (len(found.days), found.duplicates) == (2854, 0)
    ratios = [(each.day, each.new / each.old) for each in splits(found.days)]
    assert tuple(ratios) == LISTINGS[symbol].splits


def test_another_symbol_is_not_found(client: httpx.Client) -> None:
    for symbol in ("NONE", "aldr", ".."):
        assert client.get(f"/prices/{symbol}.csv").status_code == 404
