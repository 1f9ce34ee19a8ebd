"""Asking a server again, and when not: against the simulated platform, in a process of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread

import pytest

from media_platform.faults import ENDPOINTS
from tests.stack import BUSY, free_port
from tests.unit.platform.running import PASSWORD, Platform, running
from timestack.domains.platform import http

PATH = "/api/companies"
HEADERS = {"Authorization": f"Bearer {PASSWORD}"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def order(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Orders a fault of the companies; the pauses that ``fetch`` chooses are short."""
    monkeypatch.setattr(http, "PAUSE", 0.01)
    with platform.client() as client:

        def ordered(kind: str, **more: object) -> None:
            answer = client.post("/api/faults", json={"companies": {"kind": kind, **more}})
            assert answer.status_code == 200, answer.text

        yield ordered
        client.post("/api/faults", json=dict.fromkeys(ENDPOINTS))


def fetch(platform: Platform, path: str = PATH, **changes: object) -> http.Answer | None:
    limits = {"within": 20, "deadline": 5, "longest": 2**20, "headers": HEADERS}
    return http.fetch(platform.url + path, **limits | changes)


def asked(platform: Platform, path: str = PATH) -> int:
    """How often the platform was asked."""
    return platform.log.read_text().count(f"GET {path} ")


@pytest.mark.parametrize("kind", ["500", "503", "429", "half"])
def test_what_passes_is_asked_for_again(
    platform: Platform, order: Callable[..., None], kind: str
) -> None:
    good = fetch(platform).body
    before = asked(platform)
    order(kind, times=2, retry_after="")
    assert fetch(platform).body == good
    assert asked(platform) - before == 3


def test_silence_is_waited_for_and_asked_again(
    platform: Platform, order: Callable[..., None]
) -> None:
    order("silent", times=1)
    assert fetch(platform, deadline=2).body


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("500", "the answer's status is 500 instead of 200"),
        ("503", "the answer's status is 503 instead of 200"),
        ("429", "the answer's status is 429 instead of 200"),
        ("half", "the answer breaks off, or is not HTTP"),
    ],
)
def test_what_does_not_pass_is_asked_for_four_times(
    platform: Platform, order: Callable[..., None], kind: str, why: str
) -> None:
    order(kind, retry_after="soon")
    before = asked(platform)
    with pytest.raises(http.UpstreamError) as caught:
        fetch(platform)
    assert str(caught.value) == why
    assert asked(platform) - before == http.TRIES


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("401", "the answer's status is 401 instead of 200"),
        ("html", "the answer is not plain application/json"),
        ("huge", "the answer is longer than 1048576 bytes"),
        (
            "redirect",
            "the answer's status is 302, a redirect to another host, and none is followed",
        ),
    ],
)
def test_what_no_other_try_would_change_is_asked_for_once(
    platform: Platform, order: Callable[..., None], kind: str, why: str
) -> None:
    order(kind)
    before, elsewhere = asked(platform), asked(platform, "/api/elsewhere")
    with pytest.raises(http.UpstreamError) as caught:
        fetch(platform)
    assert str(caught.value) == why
    assert asked(platform) - before == 1
    assert asked(platform, "/api/elsewhere") == elsewhere


@pytest.mark.parametrize("text", ["2", " 2 "])
def test_a_retry_after_in_seconds_is_waited_for(
    platform: Platform, order: Callable[..., None], text: str
) -> None:
    waits: list[float] = []
    order("429", times=1, retry_after=text)
    assert fetch(platform, pause=waits.append).body
    assert waits == [2.0]


def test_a_retry_after_at_a_time_is_waited_for_by_the_server_s_clock(
    platform: Platform, order: Callable[..., None]
) -> None:
    waits: list[float] = []
    until = datetime.now(UTC) + timedelta(seconds=8)
    order("503", times=1, retry_after=format_datetime(until, usegmt=True))
    assert fetch(platform, pause=waits.append).body
    assert 6 <= waits[0] <= 8
    order("503", times=1, retry_after="Thu, 01 Jan 1970 00:00:00 GMT")
    assert fetch(platform, pause=waits.append).body
    assert waits[1] == http.SHORTEST_PAUSE


def test_the_wait_is_a_real_one(platform: Platform, order: Callable[..., None]) -> None:
    order("429", times=1, retry_after="1")
    began = time.monotonic()
    assert fetch(platform).body
    assert time.monotonic() - began >= 1


def test_who_asks_for_a_longer_wait_than_there_is_time_is_not_waited_for(
    platform: Platform, order: Callable[..., None]
) -> None:
    order("429", retry_after="3600")
    before = asked(platform)
    with pytest.raises(http.UpstreamError, match=r"status is 429.*asks to wait 3600 s, and 20 s"):
        fetch(platform)
    assert asked(platform) - before == 1


def test_all_tries_together_end_within_their_time(
    platform: Platform, order: Callable[..., None]
) -> None:
    order("429", retry_after="0")
    began = time.monotonic()
    with pytest.raises(http.UpstreamError, match=r"status is 429"):
        fetch(platform, within=1.5)
    assert time.monotonic() - began < 3 + BUSY


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "1e3", "²", "9" * 40, "Thu, 99 Foo"])
def test_a_retry_after_that_says_nothing_is_none(
    platform: Platform, order: Callable[..., None], text: str
) -> None:
    waits: list[float] = []
    order("429", times=1, retry_after=text)
    assert fetch(platform, pause=waits.append).body
    assert waits == [http.SHORTEST_PAUSE]


def test_an_etag_that_is_still_the_one_brings_no_answer(platform: Platform) -> None:
    first = fetch(platform, "/api/manifest")
    assert first.etag
    assert fetch(platform, "/api/manifest", etag=first.etag) is None
    assert fetch(platform, "/api/manifest", etag='"other"').body == first.body
    assert fetch(platform, PATH).etag is None


def test_a_server_that_is_away_is_not_asked_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE", 0.01)
    with pytest.raises(http.SilentError, match=r"no connection"):
        http.fetch(f"http://127.0.0.1:{free_port()}", within=5, deadline=1, longest=9)


def test_what_is_not_http_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example.org ESMTP token-51c0\r\n")

        Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(http.BrokenError, match=r"is not HTTP$"):
            http.ask(url, deadline=5, longest=9)
