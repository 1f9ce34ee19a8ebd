"""Many who ask for one file at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.attacker import trusting
from tests.stack import Stack

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "identity"])
def test_the_proxy_outlives_many_who_ask_for_one_file_at_once(
    hostile: Stack, encoding: str
) -> None:
    """Over connections of their own, and as streams of one."""
    before = started(hostile, "traefik")
    got = asyncio.run(at_once(hostile, encoding, count=200))
    assert started(hostile, "traefik") == before
    # Too much is refused as such; all that a kind of connection needs is far below that.
    assert set(got) <= {200, 429}, got
    assert got[200] >= 200, got


def started(stack: Stack, service: str) -> tuple[int, str]:
    """How often a container was started again, and when it was the last time."""
    found = stack.inspect(service)
    return found["RestartCount"], found["State"]["StartedAt"]


async def at_once(stack: Stack, encoding: str, count: int) -> Counter[int]:
    """The statuses of `count` requests over as many connections, then of as many streams."""
    got: Counter[int] = Counter()
    path = "/bootstrap/static/css/bootstrap.min.css"
    for streams in (False, True):
        limits = httpx.Limits(max_connections=1 if streams else count)
        async with httpx.AsyncClient(
            base_url=stack.url,
            verify=trusting(stack),
            http1=not streams,
            http2=streams,
            limits=limits,
            timeout=60,
            headers={"Accept-Encoding": encoding},
        ) as client:
            answers = await asyncio.gather(*(client.get(path) for _ in range(count)))
        got.update(answer.status_code for answer in answers)
    return got
