"""Where a request ends: lengths and chunks that disagree."""

from __future__ import annotations

import time

import pytest

from tests.attacker import CHUNKED, POST, raw, statuses
from tests.stack import BUSY, Stack

pytestmark = pytest.mark.stack


def canary(name: str) -> bytes:
    """A request without an end: sent on, it would swallow the next one of somebody else."""
    return b"GET /canary-" + name.encode() + b" HTTP/1.1\r\nHost: localhost\r\nX-Swallow: "


SMUGGLED = {
    "length-and-chunks": lambda c: (
        POST + CHUNKED + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(c)) + c
    ),
    "chunks-and-length": lambda c: (
        POST + CHUNKED + b"Content-Length: 4\r\n\r\n%x\r\n" % len(c) + c + b"\r\n0\r\n\r\n"
    ),
    "two-lengths": lambda c: POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(c) + c,
    "list-of-lengths": lambda c: POST + b"Content-Length: 0, %d\r\n\r\n" % len(c) + c,
    "signed-length": lambda c: POST + b"Content-Length: +0\r\n\r\n" + c,
    "negative-length": lambda c: POST + b"Content-Length: -1\r\n\r\n" + c,
    "hexadecimal-length": lambda c: POST + b"Content-Length: 0x0\r\n\r\n" + c,
    "length-with-space": lambda c: POST + b"Content-Length : 0\r\n\r\n" + c,
    "length-by-underscore": lambda c: (
        POST + b"Content_Length: %d\r\nContent-Length: 0\r\n\r\n" % len(c) + c
    ),
    "xchunked": lambda c: POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + c,
    "name-with-space": lambda c: POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + c,
    "leading-space": lambda c: POST + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + c,
    "vertical-tab": lambda c: (
        POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "tab": lambda c: (
        POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "folded": lambda c: (
        POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "after-a-bare-newline": lambda c: (
        POST + b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "after-a-bare-return": lambda c: (
        POST + b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "two-encodings": lambda c: POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + c,
    "gzip-and-chunks": lambda c: POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + c,
    "identity": lambda c: POST + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + c,
    "encoding-by-underscore": lambda c: (
        POST + b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
    "http-1.0": lambda c: (
        POST.replace(b"1.1", b"1.0") + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + c
    ),
}
BROKEN_CHUNKS = {
    "negative": b"-1\r\n\r\n",
    "hexadecimal-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no-line-end": b"5\r\nhelloXX0\r\n\r\n",
    "bare-newlines": b"5\nhello\n0\n\n",
    "newline-in-extension": b"5;\nhello\r\n0\r\n\r\n",
    "quoted-extension": b'0;a="\r\n"\r\n\r\n',
    "endless-extension": b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
    "no-size": b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_with_two_ends_is_refused_and_hides_no_other(hostile: Stack, name: str) -> None:
    """Where RFC 9112 (6.3) gives one of the two ends the word, the refusal is the view's own."""
    answer = raw(hostile, SMUGGLED[name](canary(name)), wait=1)
    assert statuses(answer) in ([400], [501], []), answer[:300]
    nobody_met_the_canary(hostile, name)


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_a_body_in_broken_chunks_ends_the_connection(hostile: Stack, name: str) -> None:
    """No server is ever asked for what such a request wants."""
    started = time.monotonic()
    broken = POST + b"X-Request-Id: canary-" + name.encode() + b"\r\n" + CHUNKED + b"\r\n"
    answer = raw(hostile, broken + BROKEN_CHUNKS[name] + canary(name), wait=40)
    assert time.monotonic() - started < 8 + BUSY, "the connection was left open"
    assert statuses(answer) in ([400], [413], [431], [])
    assert b"canary" not in answer
    nobody_met_the_canary(hostile, name)


def nobody_met_the_canary(stack: Stack, name: str) -> None:
    """Requests on fresh connections get their own answers, and no server logged the hidden one."""
    for _ in range(10):
        answer = raw(
            stack, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert statuses(answer) == [200], answer[:300]
        assert b'"ok"' in answer
    since = stack.compose("logs", "--no-color", "--tail", "200", "web", "pgadmin", "flower").stdout
    assert f"canary-{name}" not in since
