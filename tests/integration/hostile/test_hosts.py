"""Which host is meant: the `Host` header and absolute addresses."""

from __future__ import annotations

import pytest

from tests.attacker import location, raw, statuses
from tests.stack import Stack

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost : evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n Host: evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost/evil\r\n", 400),
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: web:8000\r\n", 404),
        ("GET https://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET http://web:8000/health/live HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET ftp://localhost/ HTTP/1.1\r\nHost: evil.example\r\n", None),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n", 501),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
def test_a_host_that_is_not_ours_or_not_one_is_refused(
    hostile: Stack, head: str, status: int | None, tls: bool
) -> None:
    answer = raw(hostile, f"{head}Connection: close\r\n\r\n".encode(), tls=tls)
    got = statuses(answer)
    assert len(got) == 1
    if status is None:
        # Its address names our own host, which counts more than the header beside it.
        assert got == [200 if tls else 301], answer[:300]
        assert b"evil" not in answer
    else:
        assert got == [status], answer[:300]
    assert not location(answer) or location(answer).startswith(hostile.url)


def test_an_absolute_address_counts_more_than_the_host_beside_it(hostile: Stack) -> None:
    """RFC 9112, 3.2.2; what is made of it names our own host and nothing else."""
    request = b"GET https://localhost/dash/ HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n"
    answer = raw(hostile, request + b"Connection: close\r\n\r\n")
    assert statuses(answer) == [302]
    assert location(answer) == "/login?next=%2Fdash%2F"
    assert b"evil" not in answer
