"""The database's restore program: what it reads of timelines and of a recovery that ended."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[3] / "services" / "timescaledb" / "restore.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("restore", PATH)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # What it imports is beside it, as in the image.
        patch.syspath_prepend(PATH.parent)
        spec.loader.exec_module(module)
    return module


def test_a_history_names_the_timelines_before_and_where_each_was_left(program) -> None:
    text = "1\t0/9000A18\tbefore 2026-11-27 13:20:03+00\n\n2\t1/C000000\tno recovery target\n"
    assert program.past(text) == [(1, 0x9000A18), (2, 0x10C000000)]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            ["FATAL:  recovery ended before configured recovery target was reached"],
            "the WAL in the repository ends before this moment",
        ),
        (
            ["FATAL:  requested timeline 2 is not a child of this server's history"],
            "the WAL in the repository is of another history than this backup",
        ),
        (["LOG:  starting", "PANIC:  could not"], "PostgreSQL ended: PANIC:  could not"),
    ],
)
def test_a_recovery_that_ended_says_why_in_a_sentence(program, said: list[str], why: str) -> None:
    server = program.Server.__new__(program.Server)
    server.last = said
    assert server.why() == why


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("P01 DETAIL: restore file /data/base/1/1259 (bundle 1/2, 112KB, 45.78%)", "45"),
        ("P01 DETAIL: restore file /data/base/1/1259 (16MB, 100.00%) checksum 0a1b", "100"),
    ],
)
def test_how_far_a_copy_is(program, line: str, percent: str) -> None:
    assert program.PERCENT.search(line)[1] == percent
