"""The web behind the proxy: kept connections, unread bodies, processes that are replaced."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

CLIENT = Path(__file__).with_name("mixed_requests.py").read_text()
# More than the proxy lets one address burst; it takes some ten seconds.
REQUESTS, REPLACED = 3_000, 3
# Seconds of standing still: checks of the proxy would have failed and taken the web out by then.
STILL = 20


def test_no_request_fails_while_bodies_stay_unread_and_workers_are_replaced(stack: Stack) -> None:
    got = mixed_requests(stack, REQUESTS, REPLACED)
    assert sum(got.values()) == REQUESTS
    wrong = {what: count for what, count in got.items() if not what.isdigit() or int(what) >= 500}
    assert wrong == {}, got
    assert {"200", "401"} <= set(got), got


def test_a_web_that_stands_still_for_a_while_is_slow_and_not_away(stack: Stack) -> None:
    """A check that takes what is slow for gone would turn the wait of some into a 503 for all."""
    client = stack.client()
    container = stack.inspect("web")["Id"]

    def ask(number: int) -> int:
        time.sleep(number)
        return client.get("/version", timeout=90).status_code

    subprocess.run(["docker", "pause", container], check=True)
    try:
        with ThreadPoolExecutor(STILL + 2) as pool:
            asked = [pool.submit(ask, number) for number in range(STILL + 2)]
            time.sleep(STILL)
            subprocess.run(["docker", "unpause", container], check=True)
            assert [each.result() for each in asked] == [200] * len(asked)
    finally:
        subprocess.run(["docker", "unpause", container], capture_output=True, check=False)
    wait_until(stack.all_healthy, "the web is healthy again")


def mixed_requests(stack: Stack, count: int, replaced: int) -> Counter[str]:
    """How often each status or failure ended a request of a client with an address of its own.

    The worker that serves has to retire `replaced` times meanwhile.
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
        # It reports how far it is after each tenth.
        for _ in range(10 // (replaced + 1)):
            client.stdout.readline()
        before = workers_booted(stack)
        tell = f"import os, signal; os.kill({before[-1]}, signal.SIGHUP)"
        assert stack.exec("web", "python", "-c", tell).returncode == 0
        wait_until(lambda b=before: workers_booted(stack) != b, "another worker is there")
    last = client.stdout.read().splitlines()[-1]
    assert client.wait(60) == 0
    return Counter(json.loads(last))


def workers_booted(stack: Stack) -> list[str]:
    """The process ids of every worker that the web has had, the newest last."""
    container = stack.inspect("web")["Id"]
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return re.findall(r"Booting worker with pid: (\d+)", done.stdout)
