"""The processes of a container, as its host sees them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.stack import Stack, wait_until


def main_process(stack: Stack, service: str) -> int:
    """The id of what the container runs, under the init process that compose gives it."""
    [child] = children(stack.inspect(service)["State"]["Pid"])
    return child


def children(process: int) -> list[int]:
    """The ids of a process's children, the oldest first."""
    return [int(id) for id in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def kill(stack: Stack, service: str, process: int) -> None:
    """Kill it with SIGKILL, and wait until it is gone.

    From the host: after `docker kill` the engine would not start the container again.
    """
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{process}").exists(), f"{service} is dead")
