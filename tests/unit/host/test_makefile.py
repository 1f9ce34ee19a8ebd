"""What is typed after `make` reaches the scripts as it is, and no shell on the way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stack import ROOT

# Replaces Python: says what verb it was called with and what it found in the environment.
SAY = """#!/bin/sh
shift 2
printf 'verb=%s\\n' "$*"
printf '%s=%s\\n' NAME "$NAME" FILE "$FILE" TABLE "$TABLE" ARGS "$ARGS" EMAIL "$EMAIL" \\
  ROLE "$ROLE" SECRET "$SECRET" S "$S" DAYS "$DAYS" TABLES "$TABLES" HTTPS_PORT "$HTTPS_PORT"
"""
VARIABLES = (
    *("FILE", "TABLE", "ARGS", "EMAIL", "NAME", "ROLE", "SECRET", "S", "DAYS", "TABLES"),
    "HTTPS_PORT",
)
HOSTILE = [
    "x'; touch pwned; '.csv",
    'x"; touch pwned; ".csv',
    "$(touch pwned)",
    "$(shell touch pwned)",
    "${shell touch pwned}.csv",
    "`touch pwned`",
    "x; touch pwned",
    "x | touch pwned",
    "x && touch pwned",
    "x\ntouch pwned",
    "it's.csv",
    "r_2026-01-31T12:00:00.csv",
    "a$b, c#d (1).csv",
    "-rf",
    "back\\slash\\",
]
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.fixture
def make(tmp_path: Path):
    """Runs the real Makefile in a folder of its own, with an echo for Python."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    echo = tmp_path / "bin" / "python3"
    echo.parent.mkdir()
    echo.write_text(SAY)
    echo.chmod(0o755)
    path = f"{echo.parent}:{os.environ['PATH']}"

    def run(*words: str, **env: str) -> str:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in (*VARIABLES, "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
        }
        done = subprocess.run(
            ["make", "--silent", *words],
            cwd=tmp_path,
            env={**inherited, "PATH": path, **env},
            capture_output=True,
            text=True,
            check=True,
        )
        assert not (tmp_path / "pwned").exists(), done
        return done.stdout

    return run


@pytest.mark.parametrize("text", HOSTILE)
def test_no_shell_reads_what_is_typed_for_any_target(make, text: str) -> None:
    for target in TARGETS:
        output = make(target, *(f"{name}={text}" for name in VARIABLES))
        for name in VARIABLES:
            assert f"{name}={text}\n" in output, target


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_what_the_environment_holds(make, text: str) -> None:
    for target in TARGETS:
        assert f"FILE={text}\n" in make(target, **dict.fromkeys(VARIABLES, text))


def test_the_command_itself_is_not_to_be_replaced(make) -> None:
    assert "verb=ps" in make("ps", "HOST=touch pwned;")
