"""What people do: stop the worker, stop everything, start too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.ledger import Ledger
from tests.faults.processes import kill, main_process
from tests.stack import Stack, docker, wait_until

pytestmark = pytest.mark.stack

STOPS = 20


def test_the_worker_is_stopped_twenty_times(stack: Stack, ledger: Ledger, prove) -> None:
    worker = stack.inspect("worker")["Id"]
    with ledger.flow(seconds=0.2):
        for _ in range(STOPS):
            ledger.wait_until_running()
            docker("stop", worker)
            docker("start", worker)
    prove(f"docker stop of the worker, {STOPS} times while jobs flow")


def test_the_stack_is_restarted(stack: Stack, ledger: Ledger, prove) -> None:
    with ledger.flow():
        ledger.submit(100, seconds=0.5)
        # What `make down` and `make up` do, with this stack's settings.
        for verb in (("down",), ("up", "--detach")):
            done = stack.compose(*verb)
            assert done.returncode == 0, done.stderr
        wait_until(stack.all_healthy, "every service is healthy", deadline=300)
    prove("the stack is stopped and started with 100 jobs queued")


def test_there_are_two_beats(stack: Stack, ledger: Ledger, prove) -> None:
    done = stack.compose("up", "--detach", "--no-deps", "--scale", "beat=2", "beat")
    assert done.returncode == 0, done.stderr
    try:
        wait_until(lambda: "another beat is at work" in stack.logs("beat"), "the second waits")
        # Sent by beat, not by the web.
        soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
        with ledger.flow(run_at=soon):
            ledger.submit(50, run_at=soon)
            wait_until(lambda: ledger.states()["succeeded"], "a beat sends what is due")
            kill(stack, "beat", main_process(stack, "beat"))
            before = ledger.states()["succeeded"]
            ledger.submit(50, run_at=soon)
            wait_until(
                lambda: ledger.states()["succeeded"] >= before + 50, "a beat sends, after the kill"
            )
        prove("two beats, and one of them killed")
    finally:
        stack.compose("up", "--detach", "--no-deps", "--scale", "beat=1", "beat")
