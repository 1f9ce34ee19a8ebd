"""The database's entrypoint: what it computes before PostgreSQL starts."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[3] / "services" / "timescaledb" / "entrypoint.py"
GIB = 1024**3
MIB = 1024**2


@pytest.fixture(scope="module")
def entrypoint():
    spec = importlib.util.spec_from_file_location("entrypoint", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16777216 kB\nMemFree:  1 kB\n")
    return path


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("memory.max", "1073741824\n", GIB),
        ("memory.max", "max\n", 16 * GIB),
        ("memory/memory.limit_in_bytes", "536870912\n", GIB // 2),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", 16 * GIB),
        (None, "", 16 * GIB),
    ],
    ids=["v2", "v2 without a limit", "v1", "v1 without a limit", "no cgroup"],
)
def test_the_memory_limit_is_the_cgroup_s(entrypoint, tmp_path, meminfo, file, text, expected):
    if file:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    assert entrypoint.memory_limit(tmp_path, meminfo) == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 1)]
)
def test_the_processor_limit_is_the_cgroup_s(entrypoint, tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota)
    assert entrypoint.cpu_limit(tmp_path) == expected


def test_memory_settings_stay_within_the_limit(entrypoint):
    for memory in (256 * MIB, 512 * MIB, GIB, 4 * GIB, 64 * GIB):
        settings = entrypoint.tuning(memory, cpus=4)
        shared = int(settings["shared_buffers"].removesuffix("MB")) * MIB
        work = int(settings["work_mem"].removesuffix("kB")) * 1024
        assert shared <= memory // 4
        assert work * int(settings["max_connections"]) <= max(memory // 2, 200 * MIB)


def test_the_verifier_of_a_password_is_the_one_of_rfc_7677(entrypoint):
    # The example of the RFC: password "pencil" and this salt; keys computed from its messages.
    verifier = entrypoint.scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
