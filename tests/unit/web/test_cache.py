"""Data in Redis, while Redis is away or silent."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.stack import BUSY, free_port
from timestack import cache
from timestack.settings import Settings


def init(port: int, *, brief: bool) -> None:
    settings = Settings(
        timestack_env="test",
        database_sslmode="require",
        database_password=SecretStr("x"),
        redis_host="127.0.0.1",
        redis_port=port,
        redis_password=SecretStr("x"),
    )
    cache.init(settings, brief=brief)


def ask() -> str:
    """Why there is no answer."""
    with pytest.raises(cache.AwayError) as caught, cache.redis() as redis:
        redis.get("x")
    return str(caught.value)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_request_waits_once_for_a_redis_that_hangs(silent: int) -> None:
    init(silent, brief=True)
    began = time.monotonic()
    assert ask().startswith("Redis does not answer: ")
    first = time.monotonic() - began
    assert [ask() for _ in range(20)] == ["Redis did not answer a moment ago"] * 20
    assert cache.BRIEF <= first < cache.TIMEOUT
    assert time.monotonic() - began < first + BUSY


def test_a_worker_asks_each_time() -> None:
    init(free_port(), brief=False)
    assert all(ask().startswith("Redis does not answer: ") for _ in range(3))


def test_no_password_is_in_the_sentence() -> None:
    init(free_port(), brief=False)
    assert ":x@" not in ask()
