"""The web behind the proxy: kept connections, unread bodies, processes that are replaced."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.stack import Stack, docker, wait_until

pytestmark = pytest.mark.stack

CLIENT = Path(__file__).with_name("mixed_requests.py").read_text()
# More than the proxy lets one address burst; it takes some ten seconds.
REQUESTS, REPLACED = 3_000, 3


def test_no_request_fails_while_bodies_stay_unread_and_workers_are_replaced(stack: Stack) -> None:
    got = mixed_requests(stack, REQUESTS, REPLACED)
    assert sum(got.values()) == REQUESTS
    wrong = {what: count for what, count in got.items() if not what.isdigit() or int(what) >= 500}
    assert wrong == {}, got
    assert {"200", "401"} <= set(got), got


def mixed_requests(stack: Stack, count: int, replaced: int) -> Counter[str]:
    """How often each status or failure ended a request of a client with an address of its own.

    The worker that serves is told to retire `replaced` times meanwhile.
    """
    image = stack.inspect("web")["Config"]["Image"]
    network = ["--network", f"{stack.project}_public"]
    client = subprocess.Popen(
        ["docker", "run", "--rm", "-i", *network, image, "python", "-", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    client.stdin.write(CLIENT)
    client.stdin.close()
    for _ in range(replaced):
        # It tells how far it is after each tenth.
        for _ in range(10 // (replaced + 1)):
            client.stdout.readline()
        before = workers_booted(stack)
        tell = f"import os, signal; os.kill({before[-1]}, signal.SIGHUP)"
        assert stack.compose("exec", "-T", "web", "python", "-c", tell).returncode == 0
        wait_until(lambda b=before: workers_booted(stack) != b, "another worker is there")
    last = client.stdout.read().splitlines()[-1]
    assert client.wait(60) == 0
    return Counter(json.loads(last))


def workers_booted(stack: Stack) -> list[str]:
    """The process ids of every worker that the web has had, the newest last."""
    container = stack.inspect("web")["Id"]
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return re.findall(r"Booting worker with pid: (\d+)", done.stdout)


# Seconds. What a page or a job may take while a neighbour hangs, the machine being busy.
PAGE, JOB = 10, 3
HTML = {"Accept": "text/html"}


@contextmanager
def paused(stack: Stack, service: str) -> Iterator[None]:
    """A service that hangs: its network takes what is sent, and it does nothing."""
    container = stack.inspect(service)["Id"]
    docker("pause", container)
    try:
        yield
    finally:
        docker("unpause", container)


def at_once(count: int, send: Callable[[], httpx.Response]) -> list[tuple[int, float]]:
    """The status of each of `count` requests, and after how many seconds it came."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as clients:
        answers = [clients.submit(lambda: (send(), time.monotonic() - began)) for _ in range(count)]
        return [(answer.status_code, took) for answer, took in (each.result() for each in answers)]


@pytest.mark.parametrize("count", [8, 24])
def test_a_database_that_hangs_is_an_outage_of_seconds(stack: Stack, count: int) -> None:
    assert stack.http.get("/account").status_code == 200
    with paused(stack, "timescaledb"):
        with ThreadPoolExecutor(1) as beside:
            pages = beside.submit(at_once, count, lambda: stack.http.get("/account", headers=HTML))
            for path, status, most in (("/health/live", 200, 1), ("/health/ready", 503, 2.5)):
                began = time.monotonic()
                assert stack.visitor.get(path).status_code == status
                assert time.monotonic() - began < most, path
            got = pages.result()
        print(f"database hangs, {count} pages:", got)
        assert {status for status, _ in got} == {503}, got
        assert max(took for _, took in got) < PAGE, got
        # It is known to hang: nobody waits any more.
        began = time.monotonic()
        answer = stack.http.get("/account", headers=HTML)
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text
        assert time.monotonic() - began < 2
    wait_until(lambda: stack.http.get("/account").status_code == 200, "the pages are back", 10)
    wait_until(lambda: stack.http.get("/health/ready").status_code == 200, "it is ready", 10)


@pytest.mark.parametrize("count", [8, 24])
def test_a_broker_that_hangs_holds_no_job_back(stack: Stack, count: int) -> None:
    new = {"kind": "rollups.refresh"}
    assert stack.http.post("/api/v1/jobs", json=new).status_code == 202
    with paused(stack, "redis"):
        got = at_once(count, lambda: stack.http.post("/api/v1/jobs", json=new))
        print(f"broker hangs, {count} jobs:", got)
        assert {status for status, _ in got} == {202}, got
        assert max(took for _, took in got) < JOB, got
        began = time.monotonic()
        client = stack.client()
        assert stack.log_in(client, "viewer@example.org", "wrong").status_code == 200
        print("log-in:", time.monotonic() - began)
        assert time.monotonic() - began < 2 * JOB
    wait_until(lambda: stack.http.get("/health/ready").status_code == 200, "it is ready", 20)
    answer = stack.http.post("/api/v1/jobs", json=new)
    job = f"/api/v1/jobs/{answer.json()['id']}"
    wait_until(lambda: stack.http.get(job).json()["state"] == "succeeded", "a job is done", 90)
