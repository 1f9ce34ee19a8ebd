"""kill -9 of each part while it works."""

from __future__ import annotations

import pytest

from tests.faults.ledger import Ledger
from tests.faults.processes import children, kill, main_process
from tests.stack import Stack

pytestmark = pytest.mark.stack


@pytest.mark.quickest
def test_a_pool_child_is_killed(stack: Stack, ledger: Ledger, prove) -> None:
    ledger.submit(10, seconds=1)
    ledger.wait_until_running()
    kill(stack, "worker", children(main_process(stack, "worker"))[-1])
    prove("kill -9 of a process of the worker's pool, mid-job")


@pytest.mark.quickest
def test_the_worker_is_killed(stack: Stack, ledger: Ledger, prove) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        ledger.wait_until_running()
        kill(stack, "worker", main_process(stack, "worker"))
    prove("kill -9 of the worker's main process, mid-job")


@pytest.mark.quickest
def test_the_database_is_killed(stack: Stack, ledger: Ledger, prove) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        ledger.wait_until_running()
        kill(stack, "timescaledb", main_process(stack, "timescaledb"))
        ledger.submit(5)
    prove("kill -9 of PostgreSQL, mid-job")


def test_redis_is_killed_with_a_thousand_jobs_queued(
    stack: Stack, ledger: Ledger, prove, frozen
) -> None:
    with frozen("worker"):
        ledger.submit(1000)
        kill(stack, "redis", main_process(stack, "redis"))
        ledger.submit(20)
    prove("kill -9 of Redis with 1,000 jobs queued")
