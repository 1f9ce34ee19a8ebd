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


@pytest.mark.skipif(os.geteuid() != 0, reason="tells what root may do")
def test_root_on_debian_may_install_it() -> None:
    assert engine.missing(ABSENT, bootstrap=True) == []


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
