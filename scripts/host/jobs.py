"""`make jobs` and `make ingest`: the jobs' shell, in the worker's container."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.host import database
from scripts.host.faults import Fault, Refused

# Days before today that the platform keeps usage of.
MOST_DAYS = 180
DAYS = re.compile("[0-9]{1,3}")


def jobs(root: Path, arguments: list[str]) -> int:
    """One command of the shell; by default what runs, waits and has ended. Returns its status."""
    compose = database.running(root, service="worker")
    # With a terminal at both ends the container's output fits it, and a bar can move.
    terminal = [] if sys.stdin.isatty() and sys.stdout.isatty() else ["-T"]
    shell = ("worker", "python", "-m", "timestack.shell", "jobs")
    return compose.run("exec", *terminal, *shell, *arguments)


def ingest(root: Path, days: str) -> int:
    """Take in usage and wait for the end: of so many days, or what is missing up to yesterday."""
    if days and not (DAYS.fullmatch(days) and 1 <= int(days) <= MOST_DAYS):
        todo = f"make ingest DAYS={MOST_DAYS}, or without DAYS for what is missing"
        fault = Fault(f"DAYS={days}", f"is not a number from 1 to {MOST_DAYS}", todo)
        raise Refused([fault], untouched=True)
    chosen = [f"days={int(days)}"] if days else []
    return jobs(root, ["submit", "usage.ingest", *chosen, "--wait"])
