"""A neighbour that hangs: its network takes what is sent, and nothing comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPResponse

import pytest
from testcontainers.core.container import DockerContainer

from tests.integration.db.conftest import Broker, Database, logged_in
from tests.served import Web
from tests.stack import wait_until

pytestmark = pytest.mark.database

# Seconds that a neighbour that hangs may add to a page, a job or log-in, and readiness: twice what
# they take on a machine that has nothing else to do.
PAGE, JOB, READY = 10, 5, 4
EMAIL = "hangs@example.org"


class Visitor:
    """Somebody who is logged in, and asks over one connection after the other."""

    def __init__(self, web: Web, headers: dict[str, str]):
        self._web, self._headers = web, headers

    def send(self, method: str, path: str, body: dict | None = None) -> tuple[int, str]:
        """Status and text of an answer."""
        with closing(self._web.connect()) as connection:
            headers = {**self._headers, "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def admin(served: Web, provisioned: Database, broker: Broker) -> Visitor:
    headers = logged_in(provisioned, broker, EMAIL, "admin")
    return Visitor(served, {"Accept": "text/html", **headers})


@contextmanager
def paused(container: DockerContainer) -> Iterator[None]:
    wrapped = container.get_wrapped_container()
    wrapped.pause()
    try:
        yield
    finally:
        wrapped.unpause()


def at_once(count: int, send: Callable[[], tuple[int, str]]) -> tuple[set[int], float]:
    """The statuses that answered `count` requests, and after how many seconds the last came."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as clients:
        answers = [clients.submit(send) for _ in range(count)]
        statuses = {answer.result()[0] for answer in answers}
    return statuses, time.monotonic() - began


def refused_within(most: float, ask: Callable[[], tuple[set[int], float]]) -> bool:
    statuses, took = ask()
    assert statuses == {503}
    return took < most


@pytest.mark.parametrize("count", [8, 24])
def test_a_database_that_hangs_is_an_outage_of_seconds(
    served: Web, admin: Visitor, provisioned: Database, count: int
) -> None:
    page = lambda: admin.send("GET", "/account")  # noqa: E731
    statuses, usual = at_once(count, page)
    assert statuses == {200}
    with paused(provisioned.server.container), ThreadPoolExecutor(1) as beside:
        pages = beside.submit(at_once, count, page)
        alive = at_once(1, lambda: (served.status("/health/live"), ""))
        ready = at_once(1, lambda: (served.status("/health/ready"), ""))
        statuses, took = pages.result()
        assert (statuses, alive[0], ready[0]) == ({503}, {200}, {503})
        assert took < PAGE + usual
        assert alive[1] < 2 + usual
        assert ready[1] < READY + usual
        # It is known to hang: nobody waits any more, which would take longer each time.
        again = lambda: at_once(count, page)  # noqa: E731
        wait_until(lambda: refused_within(2 + usual, again), "nobody waits")
        assert "The database does not answer" in page()[1]
    wait_until(lambda: page()[0] == 200, "the pages are back")
    wait_until(lambda: served.status("/health/ready") == 200, "it is ready")


def waiting(broker: Broker) -> int:
    """How many messages of short jobs wait, in a list for each step of priority."""
    return sum(broker.redis.llen(name) for name in broker.redis.scan_iter("short*"))


@pytest.mark.parametrize("count", [8, 24])
def test_a_broker_that_hangs_holds_no_job_and_no_log_in_back(
    served: Web, admin: Visitor, broker: Broker, count: int
) -> None:
    job = lambda: admin.send("POST", "/api/v1/jobs", {"kind": "rollups.refresh"})  # noqa: E731
    guess = lambda: admin.send("POST", "/login", {"email": "x@example.org", "password": "x"})  # noqa: E731
    statuses, usual = at_once(count, job)
    assert statuses == {202}
    with paused(broker.container):
        statuses, took = at_once(count, job)
        assert statuses == {202}
        assert took < JOB + usual
        statuses, took = at_once(1, guess)
        assert max(statuses) < 500
        assert took < JOB + usual
        ready = at_once(1, lambda: (served.status("/health/ready"), ""))
        assert ready[0] == {503}
        assert ready[1] < READY + usual
    wait_until(lambda: served.status("/health/ready") == 200, "it is ready")
    before = waiting(broker)

    def sent() -> bool:
        return job()[0] == 202 and waiting(broker) > before

    wait_until(sent, "messages are sent again")
