"""Bodies, heads and addresses above their limits."""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import time

import pytest

from tests.attacker import CHUNKED, HTML, POST, in_place, problem, raw, statuses, trusting
from tests.stack import BUSY, Stack, docker, wait_until

pytestmark = pytest.mark.stack


def test_a_chunked_body_without_end_is_cut_off(hostile: Stack) -> None:
    cookies = hostile.cookies(hostile.http).encode()
    token = hostile.http.headers["X-CSRFToken"].encode()
    head = (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Cookie: " + cookies + b"\r\nX-CSRFToken: " + token + b"\r\n"
    )
    chunk = b"80000\r\n" + b"a" * 0x80000 + b"\r\n"
    for count, end, by in ((6, b"0\r\n\r\n", b"problem+json"), (10, b"", b"Too Large")):
        started = time.monotonic()
        sent = head + b"Connection: close\r\n" + CHUNKED + b"\r\n" + chunk * count + end
        answer = raw(hostile, sent, wait=40)
        assert statuses(answer) == [413], (count, answer[:300])
        assert by in answer
        assert time.monotonic() - started < 20 + BUSY, "the connection was left open"


def test_bodies_of_unknown_length_that_drip_are_in_nobody_elses_way(hostile: Stack) -> None:
    """A container on the proxy's own network is a client with an address of its own.

    A body still on its way from the test before may have one of the two places and leave it
    late, so lines are added until both are taken.
    """
    begun = POST + CHUNKED + b"\r\n5\r\nhel"
    lines: list[ssl.SSLSocket] = []

    def full() -> bool:
        if len(lines) >= 2 and statuses(short(hostile)) == [429]:
            return True
        plain = socket.create_connection(("127.0.0.1", hostile.https_port), timeout=10)
        lines.append(trusting(hostile).wrap_socket(plain, server_hostname="localhost"))
        lines[-1].sendall(begun)
        return False

    try:
        wait_until(full, "this address has had its share")
        network, image = f"{hostile.project}_public", hostile.inspect("web")["Config"]["Image"]
        status = docker("run", "--rm", "--network", network, image, "python", "-c", CHUNKS)
        assert status.split() == ["400"], "refused for its token alone"
    finally:
        for line in lines:
            line.close()
    wait_until(lambda: statuses(short(hostile)) == [400], "its share is free again")


def short(stack: Stack) -> bytes:
    """The answer to a form in chunks, which has no token."""
    return raw(stack, POST + b"Connection: close\r\n" + CHUNKED + b"\r\n1\r\na\r\n0\r\n\r\n")


CHUNKS = """
import http.client, ssl
context = ssl._create_unverified_context()
line = http.client.HTTPSConnection("traefik", 8443, context=context, timeout=60)
line.request("POST", "/logout", iter([b"a"]), {"Host": "localhost"}, encode_chunked=True)
print(line.getresponse().status)
"""


def test_a_body_that_unpacks_to_much_is_never_unpacked(hostile: Stack) -> None:
    bomb = gzip.compress(b'{"kind": "' + b"a" * 100_000_000 + b'"}')
    assert len(bomb) < 200_000
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    before = memory(hostile, "web")
    document = problem(hostile.http.post("/api/v1/jobs", content=bomb, headers=packed), 415)
    assert "Content-Encoding" in document["detail"]
    form = {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}
    in_place(hostile.visitor.post("/logout", content=bomb, headers=form), 400)
    assert memory(hostile, "web") - before < 60_000_000


def memory(stack: Stack, service: str) -> int:
    """Bytes that a container holds, its caches apart."""
    done = stack.exec(service, "cat", "/sys/fs/cgroup/memory.stat")
    found = re.search(r"^(?:anon|total_rss) (\d+)", done.stdout, re.MULTILINE)
    if not found:
        ask = ["cat", "/sys/fs/cgroup/memory/memory.stat"]
        done = stack.exec(service, *ask)
        found = re.search(r"^(?:anon|total_rss) (\d+)", done.stdout, re.MULTILINE)
    assert found, done.stderr
    return int(found[1])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/jobs?a=" + "a" * 9_000, {}, 414),
        ("/api/v1/jobs?a=" + "a" * 50_000, {}, 414),
        ("/api/v1/jobs", {"X-A": "a" * 20_000}, 431),
    ],
)
def test_an_address_or_header_above_the_limit_is_a_problem_of_the_api(
    hostile: Stack, path: str, headers: dict[str, str], status: int
) -> None:
    problem(hostile.http.get(path, headers=headers), status)
    shown = hostile.visitor.get(path.replace("/api/v1/jobs", "/"), headers={**headers, **HTML})
    in_place(shown, status)
    assert shown.headers["content-type"].startswith("text/html")


def test_a_head_above_64_kib_does_not_pass_the_proxy(hostile: Stack) -> None:
    for head in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a=b; " * 40_000 + b"\r\n\r\n",
    ):
        assert statuses(raw(hostile, head)) in ([431], [])
    many = b"".join(b"X-%d: a\r\n" % number for number in range(2_000))
    answer = raw(hostile, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n", wait=2)
    assert statuses(answer) == [431]
