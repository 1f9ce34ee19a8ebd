"""A restore is killed at random points and run again, on a stack of its own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.test_restore import ask, volumes
from tests.integration.test_up import Checkout
from tests.stack import docker, wait_until

pytestmark = pytest.mark.stack

PROJECT = f"timestack-restores-{os.getpid()}"
KILLS = 10
SENSOR = "insert into sensors (type, location, name, unit) values ('fault', 'here', '{}', '1');"
SENSORS = "select string_agg(name, ',' order by name) from sensors where type = 'fault'"


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    """A seeded stack with one backup."""
    with tempfile.TemporaryDirectory(prefix="timestack-restores-") as folder:
        made = Checkout(Path(folder), PROJECT)
        done = made.make("up")
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until(lambda: made.make("backup").returncode == 0, "there is a backup", 120)
        yield made
        made.make("clean", FORCE="yes", BACKUPS="delete")


def killed_after(checkout: Checkout, seconds: float, **env: str) -> bool:
    """Kill all of `make restore` after so many seconds; False where it had ended before."""
    process = subprocess.Popen(
        ["make", "--silent", "restore"],
        cwd=checkout.folder,
        env={**checkout.environment, "FORCE": "yes", **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.parametrize("to", ["time", "newest"])
def test_a_restore_is_killed_at_random_points_and_run_again(
    checkout: Checkout, to: str, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(f"restore to {to}")
    checkout.make("psql", stdin=SENSOR.format(f"{to}-before"))
    moment = {"TO": ask(checkout, "select clock_timestamp()")} if to == "time" else {}
    if moment:
        checkout.make("psql", stdin=SENSOR.format(f"{to}-after"))
    kept = ask(checkout, f"{SENSORS} and name not like '%after'")
    began = time.monotonic()
    done = checkout.make("restore", FORCE="yes", **moment)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = time.monotonic() - began
    assert ask(checkout, SENSORS) == kept
    killed = 0
    for _ in range(KILLS // 2):
        assert checkout.make("restore", CONFIRM="yes", FORCE="yes").returncode == 0
        (before,) = volumes(PROJECT)
        killed += killed_after(checkout, chance.uniform(0, whole), **moment)
        # At most one is on its way, and what .env names is there.
        assert len(volumes(PROJECT) - {before}) <= 1
        done = checkout.make("restore", FORCE="yes", **moment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ask(checkout, SENSORS) == kept
        assert "no difference" in done.stdout
        assert before in volumes(PROJECT)
        assert len(volumes(PROJECT)) <= 3
        assert docker("ps", "-aq", "--filter", f"label=org.timestack.restore={PROJECT}") == ""
    assert killed > 0
    record_property("shown", f"restore to {to}: killed {killed} times within {whole:.0f} s, lost 0")
