"""The web as its container runs it, on a port of the test's own, met by its connections."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.served import THREADS, Web, answers, ask, serving
from tests.stack import wait_until
from tests.unit.web.conftest import set_up
from timestack import logs
from timestack.app import LARGEST_BODY, create_app
from timestack.auth import security

# One that says nothing, one that stops within its head, and ones that stop within their bodies.
BEGUN = {
    "silent": b"",
    "head": b"GET /ver",
    "json": b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Content-Length: 99\r\n\r\n{"kind',
    "callback": b"POST /dash/_dash-update-component HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_with(tmp_path_factory.mktemp("web")) as running:
        yield running


@contextmanager
def web_with(folder: Path, **variables: str) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as environment:
        set_up(environment, folder)
        with serving(folder / "log", variables) as running:
            yield running


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_what_is_only_begun_keeps_nobody_waiting(web: Web, begun: bytes) -> None:
    with ExitStack() as opened:
        for _ in range(3 * THREADS):
            web.begin(opened, begun)
        # Each within the time-out of its connection; a thread for each of the above is not there.
        assert [web.status() for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("size", [100, 60_000, 100_000, LARGEST_BODY, LARGEST_BODY + 1, 30_000_000])
def test_a_body_that_nobody_reads_breaks_no_connection(web: Web, size: int) -> None:
    with closing(web.connect()) as connection:
        for _ in range(3):
            assert ask(connection, "POST", "/api/v1/jobs", b"x" * size) in (400, 401)
            assert ask(connection, "GET", "/version") == 200
            assert connection.sock is not None, "the connection was closed"


def test_a_body_above_the_limit_is_refused_in_words_and_never_kept(web: Web) -> None:
    before = web.memory()
    with closing(web.connect()) as connection:
        # A form is read before the user is known.
        body = b"a=" + b"x" * LARGEST_BODY
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", body, form)
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"This is too large" in answer.read()
        assert ask(connection, "GET", "/version") == 200
    assert web.memory() - before < 20_000_000


def test_large_bodies_for_which_there_is_no_room_are_refused_and_small_ones_are_not(
    web: Web,
) -> None:
    head = (
        f"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BODY}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with ExitStack() as opened:
        for _ in range(16):
            web.begin(opened, head + b"x" * (LARGEST_BODY - 1))

        def refused() -> bool:
            with closing(web.connect()) as connection:
                connection.request("POST", "/login", b"x" * 200_000, form)
                answer = connection.getresponse()
                words = answer.read()
                if answer.status == 429:
                    assert b"Too many large bodies" in words
                    assert answer.getheader("Retry-After")
                return answer.status == 429

        wait_until(refused, "a large body is refused")
        with closing(web.connect()) as connection:
            connection.request("POST", "/login", b"x" * 60_000, form)
            assert connection.getresponse().status == 400
    wait_until(lambda: not refused(), "the room is free again")


def test_a_database_that_hangs_costs_some_seconds_and_liveness_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        port = str(hung.getsockname()[1])
        with web_with(tmp_path, DATABASE_PORT=port) as web, ExitStack() as opened:
            page = page_of_somebody()
            pages = [web.begin(opened, page) for _ in range(3 * THREADS)]
            assert web.status("/health/live") == 200
            assert web.status("/health/ready") == 503
            answered, _, _ = select.select(pages, [], [], 0)
            assert answered == [], "both were answered while every thread waited"
            # The first to ask find out that the database hangs, and the others need not.
            for line in pages:
                line.settimeout(30)
                assert line.recv(65536).startswith(b"HTTP/1.1 503"), "the outage page"


def page_of_somebody() -> bytes:
    """A request for a page by somebody whom only the database knows."""
    app = create_app()
    sign = app.session_interface.get_signing_serializer(app)
    session = sign.dumps({"_user_id": "x" * 64, security.TOKEN: "x" * 43})
    cookie = f"{app.config['SESSION_COOKIE_NAME']}={session}"
    return f"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nCookie: {cookie}\r\n\r\n".encode()


def test_a_request_that_cannot_be_read_is_answered_and_logged(web: Web) -> None:
    with ExitStack() as opened:
        line = web.begin(opened, b"GET /version HTTP/1.1\r\nX: a\nb\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.0 400 Bad Request")
    logged = lambda: [line for line in web.lines() if line.get("path") == "-"]  # noqa: E731
    (line,) = wait_until(logged, "it is in the log")
    assert (line["logger"], line["status"], line["client"]) == (logs.ACCESS, 400, "127.0.0.1")


def test_a_worker_is_replaced_without_a_failure(web: Web) -> None:
    with ExitStack() as opened:
        kept = [opened.enter_context(closing(web.connect())) for _ in range(4)]
        for _ in range(3):
            (before,) = web.workers()
            for connection in kept:
                assert ask(connection, "GET", "/version") == 200
            os.kill(before, signal.SIGHUP)
            # The connections that it had rest, and are good for one more answer.
            wait_until(lambda: len(web.workers()) == 2, "another worker is there")
            assert web.status() == 200
            for connection in kept:
                assert ask(connection, "POST", "/api/v1/jobs", b"{}") in (400, 401)
                assert ask(connection, "GET", "/version") == 200
            wait_until(lambda b=before: b not in web.workers(), "the old one is gone")
            assert len(web.workers()) == 1


def test_it_stops_when_what_is_asked_is_answered(tmp_path: Path) -> None:
    with web_with(tmp_path) as web, ExitStack() as opened:
        resting = opened.enter_context(closing(web.connect()))
        assert ask(resting, "GET", "/version") == 200
        line = web.begin(opened, BEGUN["json"])
        assert web.status() == 200
        web.process.terminate()
        wait_until(lambda: not answers(web), "no connection is taken any more")
        line.sendall(b"x" * (99 - len(b'{"kind')))
        answer = line.recv(65536)
        assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 400")), answer
        assert b"Connection: close" in answer
        assert web.process.wait(10) == 0
