"""Every endpoint of the simulated platform fails in every way that is ordered over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from urllib.parse import unquote

import httpx
import pytest

from media_platform.faults import ENDPOINTS, KINDS
from tests.stack import wait_until
from tests.unit.platform.running import PASSWORD, Platform

USAGE = "/api/usage?account=studio-north&from=2025-03-03&to=2025-03-04"
PATHS = {
    "manifest": "/api/manifest",
    "document": "/api/manifest/1.json",
    "accounts": "/api/accounts",
    "usage": USAGE,
    "companies": "/api/companies",
    "prices": "/prices/ALDR.csv",
}


@pytest.fixture
def order(client: httpx.Client) -> Iterator[Callable[..., None]]:
    """Orders faults by endpoint; all are repaired at the end."""

    def ordered(**faults: object) -> None:
        answer = client.post("/api/faults", json=faults)
        assert answer.status_code == 200, answer.text

    yield ordered
    repaired = client.post("/api/faults", json=dict.fromkeys(ENDPOINTS))
    assert set(repaired.json().values()) == {None}


def breaks_off(answer: httpx.Response, good: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        answer.read()
    assert 0 < answer.num_bytes_downloaded < len(good)


def redirects(answer: httpx.Response, good: bytes) -> None:
    location = httpx.URL(answer.headers["Location"])
    assert location.host not in ("", answer.url.host)
    assert PASSWORD in unquote(str(location))


def spoilt(answer: httpx.Response, good: bytes) -> None:
    content = answer.read()
    assert content != good
    assert content.rstrip() == good.rstrip()


def halved(answer: httpx.Response, good: bytes) -> None:
    assert answer.read() == good[: len(good) // 2]


def endless(answer: httpx.Response, good: bytes) -> None:
    assert len(list(islice(answer.iter_raw(65536), 20))) == 20


def drips(answer: httpx.Response, good: bytes) -> None:
    assert next(answer.iter_raw()) == good[:1]


def nonsense(answer: httpx.Response, good: bytes) -> None:
    answer.read()
    assert type(answer.json()) is list


def page(answer: httpx.Response, good: bytes) -> None:
    assert answer.headers["Content-Type"].startswith("text/html")


def comes_again(answer: httpx.Response, good: bytes) -> None:
    assert answer.headers["Retry-After"] == "1"


def is_empty(answer: httpx.Response, good: bytes) -> None:
    assert answer.read() == b""


def nothing(answer: httpx.Response, good: bytes) -> None:
    """The status is all there is to see."""


SEEN = {
    "500": (500, nothing),
    "503": (503, comes_again),
    "429": (429, comes_again),
    "401": (401, nothing),
    "redirect": (302, redirects),
    "html": (200, page),
    "nonsense": (200, nonsense),
    "empty": (200, is_empty),
    "cut": (200, halved),
    "half": (200, breaks_off),
    "altered": (200, spoilt),
    "huge": (200, endless),
    "drip": (200, drips),
}


@pytest.mark.parametrize("endpoint", PATHS)
@pytest.mark.parametrize("kind", SEEN)
def test_an_endpoint_fails_as_ordered_and_no_other_does(
    service: httpx.Client, order: Callable[..., None], endpoint: str, kind: str
) -> None:
    path = PATHS[endpoint]
    good = service.get(path).content
    order(**{endpoint: kind})
    with service.stream("GET", path) as answer:
        status, looks = SEEN[kind]
        assert answer.status_code == status
        looks(answer, good)
    for other in PATHS:
        if other != endpoint:
            assert service.get(PATHS[other]).status_code == 200
    order(**{endpoint: None})
    assert service.get(path).content == good


def test_every_kind_is_looked_at() -> None:
    assert set(KINDS) == {*SEEN, "slow", "silent"}


@pytest.mark.parametrize("endpoint", PATHS)
def test_an_endpoint_is_silent_until_the_client_leaves(
    platform: Platform, service: httpx.Client, order: Callable[..., None], endpoint: str
) -> None:
    order(**{endpoint: "silent"})
    path = PATHS[endpoint].partition("?")[0]
    line = f"GET {path} 504"
    before = platform.log.read_text().count(line)
    with pytest.raises(httpx.ReadTimeout):
        service.get(PATHS[endpoint], timeout=0.2)
    wait_until(lambda: platform.log.read_text().count(line) > before, "it has noticed", 30)


def test_a_slow_answer_is_a_good_one(service: httpx.Client, order: Callable[..., None]) -> None:
    good = service.get(USAGE).content
    order(usage={"kind": "slow", "seconds": 1})
    began = time.monotonic()
    assert service.get(USAGE).content == good
    assert time.monotonic() - began >= 1


def test_a_fault_begins_and_ends_where_it_was_ordered_to(
    service: httpx.Client, order: Callable[..., None]
) -> None:
    order(usage={"kind": "429", "after": 1, "times": 2, "retry_after": "7"})
    answers = [service.get(USAGE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert service.get("/api/faults").json()["usage"] is None


def test_a_fault_of_one_account_is_met_by_no_other(
    service: httpx.Client, order: Callable[..., None]
) -> None:
    order(usage={"kind": "500", "account": "studio-north", "times": 1})
    assert service.get(USAGE.replace("north", "south")).status_code == 200
    assert service.get(USAGE).status_code == 500
    assert service.get(USAGE).status_code == 200


def test_an_order_changes_what_it_names_alone(
    service: httpx.Client, order: Callable[..., None]
) -> None:
    order(manifest="500", usage="html")
    order(usage=None)
    shown = service.get("/api/faults").json()
    assert (shown["manifest"]["kind"], shown["usage"]) == ("500", None)


@pytest.mark.parametrize(
    "order",
    [
        {"manifest": "late"},
        {"mail": "500"},
        ["manifest"],
        {"usage": 1},
        {"usage": {}},
        {"usage": {"kind": "500", "often": 1}},
        {"usage": {"kind": "500", "times": 0}},
        {"usage": {"kind": "500", "times": True}},
        {"usage": {"kind": "slow", "seconds": 61}},
        {"usage": {"kind": "500", "after": -1}},
        {"usage": {"kind": "429", "retry_after": 1}},
        {"usage": {"kind": "500", "account": 7}},
        {"companies": "500", "usage": "late"},
    ],
)
def test_an_unknown_fault_changes_nothing(client: httpx.Client, order: object) -> None:
    answer = client.post("/api/faults", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert set(client.get("/api/faults").json().values()) == {None}
