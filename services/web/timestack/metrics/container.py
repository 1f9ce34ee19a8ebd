"""When a container started, its memory as the kernel counts it, and which version runs in it.

A container's processes come and go as they should; that the container itself starts again and
again is a fault, and so is a process that was killed for its memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from timestack import __version__

CGROUP = Path("/sys/fs/cgroup")
# Bytes, from which on a limit is none.
ENDLESS = 2**60


def _started() -> float:
    """When the container's first process began, which is the engine's, in seconds since 1970."""
    ticks = re.search(r"\) (.+)", Path("/proc/1/stat").read_text())[1].split()[19]
    booted = re.search(r"^btime (\d+)", Path("/proc/stat").read_text(), re.MULTILINE)[1]
    return int(booted) + int(ticks) / os.sysconf("SC_CLK_TCK")


# Once, since the kernel's time of its boot moves with the clock.
STARTED = _started()


class Container(Collector):
    """The container that this process is in; what cannot be read is left out."""

    def __init__(self, commit: str):
        self._commit = commit

    def collect(self) -> Iterator[Metric]:
        """Read all of it."""
        build = GaugeMetricFamily(
            "timestack_build_info", "The version that runs.", labels=("version", "commit")
        )
        build.add_metric((__version__, self._commit), 1)
        yield build
        yield GaugeMetricFamily(
            "timestack_container_start_time_seconds",
            "When the container started, in seconds since 1970.",
            STARTED,
        )
        yield from self._memory()

    def _memory(self) -> Iterator[Metric]:
        # The second version of control groups, then the first.
        used = _number("memory.current", "memory/memory.usage_in_bytes")
        most = _number("memory.max", "memory/memory.limit_in_bytes")
        cached = _field("inactive_file", "memory.stat") or _field(
            "total_inactive_file", "memory/memory.stat"
        )
        killed = _field("oom_kill", "memory.events", "memory/memory.oom_control")
        if used is not None:
            yield GaugeMetricFamily(
                "timestack_container_memory_bytes",
                "Memory of the container, without files that can be read again.",
                max(0, used - (cached or 0)),
            )
        if most is not None and most < ENDLESS:
            yield GaugeMetricFamily(
                "timestack_container_memory_limit_bytes",
                "Memory at which the kernel kills a process of the container.",
                most,
            )
        if killed is not None:
            yield CounterMetricFamily(
                "timestack_container_oom_kills",
                "Processes of the container that were killed for its memory.",
                killed,
            )


def _read(*names: str) -> str:
    for name in names:
        with suppress(OSError):
            return (CGROUP / name).read_text()
    return ""


def _number(*names: str) -> int | None:
    text = _read(*names).strip()
    return int(text) if text.isdigit() else None


def _field(field: str, *names: str) -> int | None:
    found = re.search(rf"^{field} (\d+)$", _read(*names), re.MULTILINE)
    return int(found[1]) if found else None
