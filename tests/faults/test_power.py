"""The power is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.ledger import Ledger
from tests.faults.machine import Machine, images_of, inside
from tests.faults.rows import Rows
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

CUTS = 10
# Seconds in which all is as before after each.
DEADLINE = 300


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Stack]]:
    """A stack on a machine of its own; the machine's address is where it is published."""
    settings = {"SEED": "no", "BIND_ADDRESS": "0.0.0.0"}  # noqa: S104
    running = Stack(tmp_path_factory.mktemp("machine"), **settings)
    made = Machine(running)
    with ExitStack() as over:
        over.callback(made.remove)
        made.start()
        made.bring(images_of(running))
        over.enter_context(inside(made))
        running.start()
        yield made, running


@pytest.fixture(scope="module")
def stack(machine: tuple[Machine, Stack]) -> Stack:
    return machine[1]


def test_the_power_is_cut_ten_times_under_load(
    machine: tuple[Machine, Stack], ledger: Ledger, rows: Rows, prove
) -> None:
    plug, stack = machine
    with ledger.flow(), rows.flow():
        for _ in range(CUTS):
            ledger.submit(5, seconds=1)
            ledger.wait_until_running()
            interrupted = ledger.running()
            plug.cut()
            wait_until(lambda: up(stack), "every service is healthy again", DEADLINE)
            # A job that is interrupted as often as its kind may be tried is given up.
            ledger.wait_until_ended(interrupted)
    prove(f"the power is cut {CUTS} times: engine and containers at once", rows)


def up(stack: Stack) -> bool:
    """Whether all is healthy; what has exited is about to be started again."""
    try:
        return stack.all_healthy()
    except AssertionError:
        return False
