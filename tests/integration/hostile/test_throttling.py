"""Guesses of passwords, and whom the limits hold back."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from itertools import cycle, islice

import httpx
import pytest

from tests.attacker import (
    PER_ADDRESS,
    PER_USER,
    forget_failures,
    guess,
    token_of,
    trusting,
    web_answers,
)
from tests.stack import PASSWORD, Stack, docker

pytestmark = pytest.mark.stack

Guess = tuple[str, str, dict[str, str]]

MANY = 1_500


def test_of_thousands_of_guesses_a_handful_is_looked_at(hostile: Stack) -> None:
    client = hostile.client()
    token, cookies = token_of(client), hostile.cookies(client)
    one_user = [("viewer@example.org", f"wrong {n}", spoofed(n)) for n in range(MANY)]
    # Every guess another one, all of them from one address.
    many = [(f"user{n}@example.org", "wrong", spoofed(n)) for n in range(MANY)]
    for guesses, limit in ((one_user, PER_USER), (many, PER_ADDRESS)):
        forget_failures(hostile)
        started = time.monotonic()
        got = asyncio.run(flood(hostile, guesses, token, cookies))
        minutes = 1 + int((time.monotonic() - started) / 60)
        assert sum(got.values()) == MANY
        assert set(got) <= {200, 429}, got
        assert 1 <= got[200] <= limit * minutes, got
        for path in ("/", "/login", "/health/ready"):
            assert hostile.visitor.get(path).status_code == 200, path
        assert hostile.viewer.get("/account").status_code == 200
        # The flood may have outlasted the minute in which its first guesses count: a new one.
        forget_failures(hostile)
        for email, password, _ in guesses[:limit]:
            assert web_answers(client, guess(email, password, token)).status_code == 200
        # The right password, too, has to wait; but not in the owner's own browser.
        right = guess("viewer@example.org", PASSWORD, token)
        assert web_answers(client, right).status_code == 429
        owner = known_browser(hostile, hostile.viewer)
        right_there = guess("viewer@example.org", PASSWORD, token_of(owner))
        assert web_answers(owner, right_there).status_code == 302
    forget_failures(hostile)
    assert web_answers(client, right).status_code == 302


def known_browser(stack: Stack, of: httpx.Client) -> httpx.Client:
    """The browser of a client on another day: its log-in is over, and it is still known."""
    client = stack.client()
    for cookie in of.cookies.jar:
        if cookie.name == f"__Host-timestack-known-{stack.https_port}":
            client.cookies.jar.set_cookie(cookie)
    assert len(client.cookies) == 1
    return client


def spoofed(number: int) -> dict[str, str]:
    address = f"198.51.{number // 250 % 250}.{number % 250}"
    return {"X-Forwarded-For": address, "X-Real-Ip": address, "Forwarded": f"for={address}"}


async def flood(
    stack: Stack, guesses: list[Guess], token: str, cookies: str, connections: int = 16
) -> Counter[int]:
    """How often each status answered; every connection sends one guess after the other."""
    context, left, got = trusting(stack), iter(guesses), Counter()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", stack.https_port, ssl=context, server_hostname="localhost"
        )
        for email, password, claims in left:
            body = httpx.QueryParams(email=email, password=password, csrf_token=token)
            head = {
                "Host": "localhost",
                "Cookie": cookies,
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(str(body))),
                # Without it the proxy asks the web for gzip, and sends on what it unpacks in
                # chunks, which nothing below takes apart.
                "Accept-Encoding": "identity",
                **claims,
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            writer.write(f"POST /login HTTP/1.1\r\n{lines}\r\n{body}".encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            got[int(answer.split()[1])] += 1
            length = re.search(r"(?i)content-length: (\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)
        writer.close()

    async with asyncio.timeout(120):
        await asyncio.gather(*(send() for _ in range(connections)))
    return got


def test_another_spelling_of_a_user_is_the_same_user(hostile: Stack) -> None:
    spellings = [
        "viewer@example.org",
        "VIEWER@example.org",
        " viewer@EXAMPLE.ORG ",
        "viewer@\uff45xample.org",
        "viewer@e\uff58ample.org",
        "viewer@ex\uff41mple.org",
    ]
    client = hostile.client()
    words = {"password": "wrong", "csrf_token": token_of(client)}
    forget_failures(hostile)
    answers = Counter()
    for email in islice(cycle(spellings), PER_USER + len(spellings)):
        # The proxy says 429 in words of its own and without a request id: that one is not meant.
        answers[web_answers(client, {**words, "email": email}).status_code] += 1
    assert answers[200] == PER_USER, answers
    forget_failures(hostile)


def test_a_user_is_guarded_against_guesses_from_many_addresses(hostile: Stack) -> None:
    """Containers on the proxy's own network are clients with addresses of their own."""
    forget_failures(hostile)
    client = hostile.client()
    token, cookies = token_of(client), hostile.cookies(client)
    image = hostile.inspect("web")["Config"]["Image"]
    looked_at = Counter()
    for turn in range(3):
        printed = docker(
            *("run", "--rm", "--network", f"{hostile.project}_public", image, "python", "-c"),
            GUESSES,
            token,
            cookies,
            str(turn),
        )
        looked_at.update(printed.split())
    assert looked_at["200"] == PER_USER, looked_at
    assert looked_at["429"] == 3 * 6 - PER_USER
    # The owner has come from this address before.
    assert hostile.log_in(hostile.client(), "viewer@example.org", PASSWORD).status_code == 302
    forget_failures(hostile)


GUESSES = """
import http.client, ssl, sys
from urllib.parse import urlencode
token, cookies, turn = sys.argv[1:]
context = ssl._create_unverified_context()
for n in range(6):
    line = http.client.HTTPSConnection("traefik", 8443, context=context, timeout=60)
    body = urlencode({"email": "viewer@example.org", "password": turn, "csrf_token": token})
    kind = "application/x-www-form-urlencoded"
    headers = {"Host": "localhost", "Cookie": cookies, "Content-Type": kind}
    line.request("POST", "/login", body, headers)
    print(line.getresponse().status)
"""
