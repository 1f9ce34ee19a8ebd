"""Redis forgets, hangs, is full."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.ledger import Ledger
from tests.stack import Stack, docker

pytestmark = pytest.mark.stack

CONFIG = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli --raw config {}"


def test_the_volume_of_redis_is_wiped(stack: Stack, ledger: Ledger, prove, frozen) -> None:
    with frozen("worker"):
        ledger.submit(200)
        done = stack.compose("rm", "--stop", "--force", "redis")
        assert done.returncode == 0, done.stderr
        docker("volume", "rm", f"{stack.project}_redis-data")
        ledger.submit(5)
        done = stack.compose("up", "--detach", "--no-deps", "redis")
        assert done.returncode == 0, done.stderr
    prove("Redis starts with an empty volume, 200 jobs queued")


def test_redis_hangs_for_a_minute(stack: Stack, ledger: Ledger, prove, frozen) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        ledger.wait_until_running()
        with frozen("redis"):
            time.sleep(60)
    prove("Redis hangs for 60 s")


def test_redis_is_full(stack: Stack, ledger: Ledger, prove) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        with full(stack):
            ledger.submit(50)
            time.sleep(10)
    prove("Redis is at its memory limit for 10 s")


@contextmanager
def full(stack: Stack) -> Iterator[None]:
    """Let Redis have less memory than it uses."""
    id = stack.inspect("redis")["Id"]

    def config(words: str) -> str:
        return docker("exec", id, "sh", "-c", CONFIG.format(words))

    before = config("get maxmemory").split()[-1]
    config("set maxmemory 1")
    try:
        yield
    finally:
        config(f"set maxmemory {before}")
