"""A container's memory, as either version of control groups has it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from timestack.metrics import container

FILES = {
    "second": {
        "memory.current": "300\n",
        "memory.max": "1000\n",
        "memory.stat": "anon 200\ninactive_file 100\n",
        "memory.events": "oom 3\noom_kill 2\n",
    },
    "first": {
        "memory/memory.usage_in_bytes": "300\n",
        "memory/memory.limit_in_bytes": "1000\n",
        "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100\n",
        "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    },
    "no limit": {"memory.current": "200\n", "memory.max": "max\n"},
}


def values(files: dict[str, str], folder: Path, patch: pytest.MonkeyPatch) -> dict[str, float]:
    patch.setattr(container, "CGROUP", folder)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return {
        sample.name.removeprefix("timestack_container_"): sample.value
        for metric in container.Container("abc").collect()
        for sample in metric.samples
    }


@pytest.mark.parametrize("version", ["first", "second"])
def test_memory_is_what_cannot_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    found = values(FILES[version], tmp_path, monkeypatch)
    assert found["memory_bytes"] == 200
    assert found["memory_limit_bytes"] == 1000
    assert found["oom_kills_total"] == 2
    assert 0 < found["start_time_seconds"] < time.time()


def test_what_is_not_known_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = values(FILES["no limit"], tmp_path, monkeypatch)
    assert found["memory_bytes"] == 200
    assert not {"memory_limit_bytes", "oom_kills_total"} & found.keys()
