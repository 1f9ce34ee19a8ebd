"""The health check of worker and beat."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from timestack.tasks import heartbeat


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def grow_old(name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(heartbeat.path(name), (then, then))


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_process_that_just_beat_is_alive(name: str) -> None:
    heartbeat.touch(name)
    assert heartbeat.check(name) is None


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_process_that_never_beat_has_not_started(name: str) -> None:
    assert "has not started" in heartbeat.check(name)


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_stale_heartbeat_fails_and_says_how_old_it_is(name: str) -> None:
    heartbeat.touch(name)
    grow_old(name, heartbeat.LIMITS[name] + 60)
    assert f"{heartbeat.LIMITS[name] + 60} s ago" in heartbeat.check(name)


def test_one_process_does_not_vouch_for_the_other() -> None:
    heartbeat.touch("worker")
    assert heartbeat.check("beat")


@pytest.mark.parametrize(
    ("arguments", "status"), [(["worker"], 0), (["beat"], 1), ([], 2), (["nobody"], 2)]
)
def test_the_exit_status_tells_alive_dead_and_misuse_apart(
    arguments: list[str], status: int, capfd: pytest.CaptureFixture
) -> None:
    heartbeat.touch("worker")
    assert heartbeat.main(arguments) == status
    assert bool(capfd.readouterr().err) == bool(status)


def test_the_check_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    heartbeat.touch("worker")
    done = subprocess.run(
        [sys.executable, "-I", "-S", heartbeat.__file__, "worker"],
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
