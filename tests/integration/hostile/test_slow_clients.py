"""Clients that send slowly."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future

import pytest

from tests.attacker import trusting
from tests.stack import BUSY, Stack

pytestmark = pytest.mark.stack

SLOW_BODY = (
    "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99"
)


def test_a_slow_but_steady_body_arrives(steady: Future[list[int]]) -> None:
    """It began with the first test of this folder, and takes over a minute."""
    assert steady.result(timeout=120) == [400], "refused for its token alone"


@pytest.mark.parametrize(
    ("count", "begun"),
    [
        (1_000, "G"),
        (200, f"POST /logout HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"GET /login HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /login HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /account/password HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /no-such-page HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
        (200, f"POST /api/v1/jobs HTTP/1.1\r\n{SLOW_BODY}\r\n\r\na"),
    ],
    ids=["head", "log-out", "form", "log-in", "password", "nothing", "api"],
)
def test_slow_clients_keep_nobody_waiting(hostile: Stack, count: int, begun: str) -> None:
    opened = asyncio.run(served_beside(hostile, count, begun.encode()))
    assert opened == count


async def served_beside(stack: Stack, count: int, begun: bytes) -> int:
    """How many connections with a request that was only begun were open while others were served.

    Raises AssertionError when a page took longer than 5 s and BUSY, or the whole longer than 90 s.
    """
    context = trusting(stack)
    lines: list[asyncio.StreamWriter] = []

    async def begin() -> None:
        _, line = await asyncio.open_connection(
            "127.0.0.1", stack.https_port, ssl=context, server_hostname="localhost"
        )
        lines.append(line)
        line.write(begun)
        await line.drain()

    try:
        async with asyncio.timeout(90):
            await asyncio.gather(*(begin() for _ in range(count)))
            await asyncio.to_thread(quickly_served, stack)
    finally:
        for line in lines:
            line.transport.abort()
    return len(lines)


def quickly_served(stack: Stack) -> None:
    with stack.client() as client:
        for path in ("/", "/health/ready", "/login"):
            started = time.monotonic()
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text[:300])
            assert time.monotonic() - started < 5 + BUSY, path
