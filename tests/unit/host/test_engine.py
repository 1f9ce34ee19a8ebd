"""What is done about a container engine that is missing, silent or left in pieces."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.host import engine
from scripts.host.engine import Versions

ABSENT = Versions(engine=None, compose=None, buildx=None)


def test_an_engine_that_answers_is_no_fault() -> None:
    assert engine.missing(Versions("26.1.5", "2.26.1", "0.13.1"), bootstrap=False) == []


def test_bootstrap_no_refuses_and_says_what_to_install() -> None:
    (fault,) = engine.missing(ABSENT, bootstrap=False)
    assert "BOOTSTRAP=no" in fault.what
    assert f"Docker Engine {engine.MINIMUMS['engine']}" in fault.todo
    assert len(fault.todo.splitlines()) == 2


@pytest.mark.parametrize(
    ("user", "dockerd", "system", "fault"),
    [
        (0, None, "debian", None),
        (0, None, "ubuntu", None),
        (0, None, "fedora", "on Debian and Ubuntu, this is fedora"),
        (0, "/usr/sbin/dockerd", "fedora", None),
        (1000, None, "debian", "only root can install it"),
        (1000, "/usr/sbin/dockerd", "debian", "does not answer this user"),
    ],
    ids=[
        *("root on Debian", "root on Ubuntu", "root on another system"),
        *("root where it is only stopped", "a user", "a user where it is only stopped"),
    ],
)
def test_root_may_install_it_on_debian_and_start_it_anywhere(
    monkeypatch: pytest.MonkeyPatch, user: int, dockerd: str | None, system: str, fault: str | None
) -> None:
    monkeypatch.setattr(engine.os, "geteuid", lambda: user)
    monkeypatch.setattr(engine.shutil, "which", lambda _: dockerd)
    monkeypatch.setattr(engine.apt, "release", lambda: {"ID": system})
    found = [each.what for each in engine.missing(ABSENT, bootstrap=True)]
    assert [fault in what for what in found] == ([True] if fault else [])


def test_a_pid_file_of_a_process_that_is_gone_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    file = tmp_path / "docker.pid"
    file.write_text(str(gone.pid))
    assert engine.remove_stale(file)
    assert not file.exists()


def test_a_pid_file_of_another_program_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(str(os.getpid()))
    assert engine.remove_stale(file)


def test_a_pid_file_of_a_living_engine_is_kept(tmp_path: Path) -> None:
    process = tmp_path / "proc" / "4711"
    process.mkdir(parents=True)
    (process / "comm").write_text("dockerd\n")
    file = tmp_path / "docker.pid"
    file.write_text("4711\n")
    assert not engine.remove_stale(file, proc=tmp_path / "proc")
    assert file.exists()


@pytest.mark.parametrize("content", ["", "not a number", "\n"])
def test_a_pid_file_with_nonsense_in_it_is_removed(tmp_path: Path, content: str) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(content)
    assert engine.remove_stale(file)


def test_no_pid_file_is_nothing_to_remove(tmp_path: Path) -> None:
    assert not engine.remove_stale(tmp_path / "docker.pid")
