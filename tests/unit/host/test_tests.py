"""`make test`: what runs beside the build is ended with it, and what was asked for is what runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import images, lint, stack, tests, tools
from scripts.host.faults import Fault, Refused
from tests.stack import wait_until

# Replaces scripts.host: starts something that outlives it, writes both numbers, and waits.
AT_WORK = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where nothing but the order of things is real; `ran` names what pytest was given."""
    module = tmp_path / "scripts" / "host"
    module.mkdir(parents=True)
    (module / "__main__.py").write_text("print('3 passed quickly')")
    program = Path(tools.TESTS.path(tmp_path, "pytest"))
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > ran\n')
    program.chmod(0o755)
    for where, name in (
        *((stack, "ready_engine"), (stack, "build"), (tools, "environment"), (tests, "browser")),
    ):
        monkeypatch.setattr(where, name, lambda *_, **__: None)
    monkeypatch.setattr(images, "community", lambda *_: "")
    monkeypatch.setattr(lint, "lint", lambda _: 0)
    return tmp_path


def ran(root: Path) -> list[str]:
    return (root / "ran").read_text().split()


def test_everything_is_what_runs_beside_the_build_and_the_rest(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tests.test(root, []) == 0
    assert "3 passed quickly" in capfd.readouterr().out
    assert ran(root)[-1] == "--ignore=tests/unit"
    assert tests.quick(root, ["-x"]) == 0
    assert ran(root)[-2:] == ["tests/unit", "-x"]


def test_a_failure_beside_the_build_is_one_of_the_whole(root: Path) -> None:
    (root / "scripts" / "host" / "__main__.py").write_text("raise SystemExit(7)")
    assert tests.test(root, []) == 7
    assert ran(root), "the rest ran all the same"


def test_what_lint_finds_is_told_again_after_the_tests(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lint, "lint", lambda _: 1)
    assert tests.quick(root, []) == 1
    assert ran(root), "the tests ran all the same"
    assert "make lint" in capfd.readouterr().err.splitlines()[-1]


def test_a_selection_of_ones_own_is_all_that_runs(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tests.test(root, ["-k", "name", "-n0"]) == 0
    assert ran(root)[-3:] == ["-k", "name", "-n0"]
    assert "quickly" not in capfd.readouterr().out


def test_what_runs_beside_a_build_that_fails_is_ended_with_all_that_it_started(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "scripts" / "host" / "__main__.py").write_text(AT_WORK)
    pids = root / "pids"

    def build(*_: object, **__: str) -> None:
        wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"), "it is at work")
        raise Refused([Fault("web", "does not build", "read on")])

    monkeypatch.setattr(stack, "build", build)
    with pytest.raises(Refused):
        tests.test(root, [])
    for pid in pids.read_text().split():
        wait_until(lambda pid=pid: ended(int(pid)), "it has ended")
    assert not (root / "ran").exists()


def test_locks_are_not_written_without_npm_and_it_says_what_to_install(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Refused) as refused:
        tests.lock(root)
    (fault,) = refused.value.faults
    assert all(lock in fault.what for lock in tests.NPM_LOCKS)
    assert fault.todo == "install npm and run the same command again"


def ended(pid: int) -> bool:
    """Whether a process is gone, or is left only for somebody to ask how it ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"
