"""The database hangs, and is restarted while many read and write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import httpx
import pytest

from tests.faults.ledger import Ledger, repeated
from tests.faults.rows import Rows
from tests.stack import Stack, docker, wait_until

pytestmark = pytest.mark.stack

CLIENTS, RESTARTS = 50, 3
ASKED = "/api/v1/sensors?type=temperature"


def test_the_database_hangs_for_a_minute(stack: Stack, ledger: Ledger, prove, frozen) -> None:
    with ledger.flow():
        ledger.submit(10, seconds=1)
        ledger.wait_until_running()
        with frozen("timescaledb"):
            time.sleep(60)
    prove("the database hangs for 60 s")


def test_the_database_is_restarted_under_fifty_clients(
    stack: Stack, ledger: Ledger, rows: Rows, prove
) -> None:
    database = stack.inspect("timescaledb")["Id"]
    with reading(stack) as answers, ledger.flow(), rows.flow():
        for _ in range(RESTARTS):
            served = answers["200"]
            wait_until(lambda n=served: answers["200"] > n + 2 * CLIENTS, "all clients are served")
            docker("restart", database)
    # Refused while it was away, each by a sentence, and never left without an answer.
    assert answers.keys() <= {"200", "429", "503"}, answers
    assert answers["503"], answers
    prove(f"the database is restarted {RESTARTS} times under {CLIENTS} clients", rows)


@contextmanager
def reading(stack: Stack) -> Iterator[Counter[str]]:
    """Clients that ask again and again until the block ends; how often they got which answer."""
    answers, turn = Counter(), Lock()

    def ask(client: httpx.Client) -> None:
        try:
            answer = client.get(ASKED)
            said = str(answer.status_code)
            assert "Traceback" not in answer.text
        except httpx.HTTPError as error:
            said = repr(error)
        with turn:
            answers[said] += 1

    with ExitStack() as opened:
        for _ in range(CLIENTS):
            client = opened.enter_context(stack.client(http2=False, like=stack.http))
            opened.enter_context(repeated(lambda each=client: ask(each), 0.2))
        yield answers
