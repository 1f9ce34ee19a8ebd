"""The database hangs."""

from __future__ import annotations

import time

import pytest

from tests.faults.ledger import Ledger
from tests.stack import Stack

pytestmark = pytest.mark.stack


def test_the_database_hangs_for_a_minute(stack: Stack, ledger: Ledger, prove, frozen) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        ledger.wait_until_running()
        with frozen("timescaledb"):
            time.sleep(60)
    prove("the database hangs for 60 s")
