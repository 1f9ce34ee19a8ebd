"""The ledger of a fault, and the table of all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.ledger import HEADER, Ledger, Row
from tests.faults.rows import Rows
from tests.stack import ROOT, Stack, docker

FOLDER = ROOT / "build" / "faults"
TABLE = ROOT / "build" / "faults.txt"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave all but the quickest to ``make faults``."""
    if config.getoption("--faults"):
        return
    here = Path(__file__).parent
    left = [
        item
        for item in items
        if here in item.path.parents and not item.get_closest_marker("quickest")
    ]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and keep it."""
    rows = [
        text
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, text in report.user_properties
        if name == "fault" and report.when == "call"
    ]
    if not rows:
        return
    table = "\n".join([HEADER, *rows])
    TABLE.write_text(f"{table}\n")
    terminalreporter.write_line(f"\n{table}\n")


@pytest.fixture
def ledger(stack: Stack, request: pytest.FixtureRequest) -> Ledger:
    """The ledger of this test's fault."""
    name = request.node.name.removeprefix("test_")
    return Ledger(stack, FOLDER / f"{name}.jsonl", mark_of(name))


@pytest.fixture
def rows(stack: Stack, request: pytest.FixtureRequest) -> Rows:
    """The readings that are written during this test's fault."""
    name = request.node.name.removeprefix("test_")
    return Rows(stack, FOLDER / f"{name}.rows", mark_of(name))


def mark_of(name: str) -> str:
    """A name in letters, digits and hyphens: another run on the same stack is another fault."""
    return f"{re.sub('[^a-z0-9]+', '-', name)[:40]}-{time.time_ns() % 10**9}"


@pytest.fixture
def prove(ledger: Ledger, record_property: Callable[[str, object], None]):
    """Proves at the end of a fault that nothing is lost, doubled or stuck; rows of the table."""

    def proven(fault: str, *more: Rows) -> Row:
        over = time.monotonic()
        row = ledger.prove(fault, over)
        for each in (row, *(readings.prove(fault, over) for readings in more)):
            record_property("fault", str(each))
        return row

    return proven


@pytest.fixture
def frozen(stack: Stack) -> Callable[[str], object]:
    """Stops a service's processes, as SIGSTOP does, and lets them go on after the block."""

    @contextmanager
    def freeze(service: str) -> Iterator[None]:
        id = stack.inspect(service)["Id"]
        docker("pause", id)
        try:
            yield
        finally:
            docker("unpause", id)

    return freeze
