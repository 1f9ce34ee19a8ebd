"""Processes that come and go count on in the files of those before, so that these stay few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.served import WEB
from timestack.metrics import processes

# Ten generations of two processes, each of which counts to three and is there once.
GENERATIONS = """
import os
from prometheus_client import Counter, Gauge
from timestack.metrics import processes
counter = Counter("done", "x", ("kind",), registry=processes.REGISTRY)
gauge = Gauge("there", "x", multiprocess_mode="livesum", registry=processes.REGISTRY)
living = {}
for generation in range(10):
    for _ in range(2):
        number = processes.free_number(living.values())
        pid = os.fork()
        if not pid:
            processes.take(number)
            gauge.set(1)
            for _ in range(3):
                counter.labels("a").inc()
            os._exit(0)
        living[pid] = number
    for pid in list(living):
        os.waitpid(pid, 0)
        number = living.pop(pid)
        if generation < 9:
            processes.forget(number)
print(processes.registry().get_sample_value("done_total", {"kind": "a"}))
print(processes.registry().get_sample_value("there"))
"""


def test_what_dead_processes_counted_stays_and_their_files_do_not_pile_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GENERATIONS],
        env={**os.environ, "PYTHONPATH": str(WEB), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    # The gauge is of the two that lived last.
    assert done.stdout.split() == ["60.0", "2.0"]
    # A number's counters and gauges; the parent, which counts nothing, has made its gauge.
    assert len(list(tmp_path.iterdir())) <= 2 * 2 + 1


def test_a_process_has_the_lowest_number_that_is_free() -> None:
    assert [processes.free_number(taken) for taken in ([], [0, 1], [1], [0, 2])] == [0, 2, 0, 1]
