"""Health and version without a database or a broker; with them, see tests/integration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from timestack import __version__, health, probe

WEB = Path(__file__).resolve().parents[3] / "services" / "web"


def test_live_asks_nobody(client: FlaskClient) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_names_what_does_not_answer_and_not_why(client: FlaskClient) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "failed",
        "checks": {"database": "failed", "broker": "failed"},
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_ready_answers_in_time_when_nothing_else_does(make_app: Callable[..., Flask]) -> None:
    with silent_server() as port:
        client = make_app(DATABASE_PORT=str(port), REDIS_PORT=str(port)).test_client()
        for _ in range(2):
            started = time.monotonic()
            answer = client.get("/health/ready")
            assert time.monotonic() - started < health.TIMEOUT + 1
            assert answer.status_code == 503
            assert answer.json["checks"] == {"database": "failed", "broker": "failed"}


def test_version_tells_the_release_and_the_commit(make_app: Callable[..., Flask]) -> None:
    client = make_app(TIMESTACK_COMMIT="0123abc").test_client()
    assert client.get("/version").json == {
        "name": "timestack",
        "version": __version__,
        "commit": "0123abc",
    }


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n{}", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /\r\n\r\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}", False),
        (b"200", False),
        (b"", False),
    ],
)
def test_the_probe_passes_on_200_and_on_nothing_else(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, passes: bool
) -> None:
    monkeypatch.setenv("URL_PREFIX", "/timestack")
    with answering_server(answer) as (port, requests):
        fault = probe.main(port)
    assert (fault is None) is passes
    assert requests[0].startswith(b"GET /timestack/health/ready HTTP/1.0\r\n")


def test_the_probe_fails_where_nobody_listens() -> None:
    environment = {**os.environ, "PYTHONPATH": str(WEB), "URL_PREFIX": "/no-such-web"}
    ended = subprocess.run(
        [sys.executable, "-m", "timestack.probe"],
        env=environment,
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert "/no-such-web/health/ready: " in ended.stderr


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections, reads nothing and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


@contextmanager
def answering_server(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Answers one request with these bytes; the list receives the request."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                requests.append(connection.recv(4096))
                connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], requests
        thread.join(5)
