"""One stack for all the files of this folder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from tests.attacker import POST, statuses, trusting
from tests.stack import VOLATILE, Stack


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for this folder alone, so that its exhausted limits disturb no other test."""
    directory = tmp_path_factory.mktemp("hostile")
    with Stack(directory, VOLATILE, SEED="no", REGISTRATION="yes") as running:
        # Both are made before anything is used up.
        assert running.http.get("/account").status_code == 200
        assert running.viewer.get("/account").status_code == 200
        yield running


@pytest.fixture(scope="package", autouse=True)
def steady(hostile: Stack) -> Iterator[Future[list[int]]]:
    """What is answered to a form that comes a byte a second, begun with the first test."""
    ended = Event()
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(by_the_byte, hostile, 75, ended)
        ended.set()


@pytest.fixture(autouse=True)
def serving(hostile: Stack) -> Iterator[None]:
    """Whatever was sent: no traceback is written to a client, and the stack serves as before."""
    yield
    answer = hostile.client().get("/health/ready")
    assert answer.status_code == 200, answer.text


def by_the_byte(stack: Stack, length: int, ended: Event) -> list[int]:
    """The statuses of the answer to a body of `length` bytes, one each second until `ended`."""
    plain = socket.create_connection(("127.0.0.1", stack.https_port), timeout=20)
    with trusting(stack).wrap_socket(plain, server_hostname="localhost") as line:
        line.sendall(POST + b"Content-Length: %d\r\n\r\n" % length)
        for _ in range(length):
            if ended.wait(1):
                break
            line.sendall(b"a")
        return [] if ended.is_set() else statuses(line.recv(65536))
