"""A wrong clock, a full disk."""

from __future__ import annotations

import time

import pytest

from tests.faults.ledger import Ledger
from tests.faults.processes import children, kill, main_process
from tests.stack import ROOT, Stack, docker, wait_until

pytestmark = pytest.mark.stack

CLOCK = ROOT / "tests" / "faults" / "clock.yaml"
NOW = ("python", "-c", "import time; print(time.time())")
FILL = """
import os
file = os.open("/tmp/filling", os.O_CREAT | os.O_WRONLY)
try:
    while True:
        os.write(file, b"x" * 65536)
except OSError as error:
    print(error.strerror)
"""


def test_clocks_are_five_minutes_off(stack: Stack, ledger: Ledger, prove) -> None:
    off = ("-f", str(CLOCK))
    bring = ("up", "--detach", "--no-deps", "worker", "beat")
    try:
        with ledger.flow():
            ledger.submit(10, seconds=1)
            done = stack.compose(*off, *bring, "--build")
            assert done.returncode == 0, done.stderr
            for service, minutes in (("worker", 5), ("beat", -5)):
                clock = float(docker("exec", stack.inspect(service)["Id"], *NOW))
                assert abs(clock - time.time() - minutes * 60) < 60, service
            wait_until(stack.all_healthy, "both are healthy")
            ledger.submit(50, seconds=0.2)
        prove("worker's clock 5 minutes ahead, beat's 5 behind")
    finally:
        stack.compose(*bring)


def test_the_workers_tmp_is_full(stack: Stack, ledger: Ledger, prove) -> None:
    wait_until(lambda: children(main_process(stack, "worker")), "the worker has its pool")
    worker = stack.inspect("worker")
    # What it logs cannot fill anything: the engine keeps the last files, of a size.
    assert {"max-size", "max-file"} <= worker["HostConfig"]["LogConfig"]["Config"].keys()
    with ledger.flow():
        ledger.submit(10, seconds=1)
        said = docker("exec", worker["Id"], "python", "-c", FILL)
        assert said == "No space left on device\n"
        try:
            ledger.submit(50, seconds=0.2)
            # A new process has no room either.
            kill(stack, "worker", children(main_process(stack, "worker"))[-1])
            ledger.submit(20)
            check = ("python", "timestack/tasks/heartbeat.py", "worker")
            docker("exec", worker["Id"], *check)
        finally:
            docker("exec", worker["Id"], "rm", "/tmp/filling")
    prove("the worker's /tmp is full")
