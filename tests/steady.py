"""A steady load through the proxy: so many requests a second, whatever becomes of them."""

from __future__ import annotations

import http.client
import itertools
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

# What anybody may ask for.
PATHS = ("/", "/login", "/health/live", "/version")
# Of a request, seconds until it counts as failed.
TIMEOUT = 30.0


@dataclass(frozen=True)
class Answer:
    """When a request was due (``time.monotonic``), the seconds until its end, and the outcome."""

    due: float
    seconds: float
    outcome: int | str
    path: str

    @property
    def failed(self) -> bool:
        return self.outcome != 200


class Steady:
    """Asks from a number of threads, each with a connection of its own that it keeps.

    The time of a request begins when it was due: one that waits for those before it is slow too.
    """

    def __init__(self, port: int, authority: Path, rate: float, clients: int = 16):
        self.answers: list[Answer] = []
        self._port, self._rate, self._clients = port, rate, clients
        self._context = ssl.create_default_context(cafile=str(authority))
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Steady:
        begin = time.monotonic()
        for number in range(self._clients):
            arguments = (begin + number / self._rate, PATHS[number % len(PATHS) :] + PATHS)
            self._threads.append(threading.Thread(target=self._ask, args=arguments))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, due: float, paths: Sequence[str]) -> None:
        connection = None
        for path in itertools.cycle(paths):
            if self._over.wait(max(0.0, due - time.monotonic())):
                break
            try:
                connection = connection or http.client.HTTPSConnection(
                    "localhost", self._port, context=self._context, timeout=TIMEOUT
                )
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                outcome: int | str = answer.status
            except (OSError, http.client.HTTPException) as error:
                outcome, connection = repr(error), None
            self.answers.append(Answer(due, time.monotonic() - due, outcome, path))
            due += self._clients / self._rate
        if connection:
            connection.close()

    def between(self, begin: float, end: float) -> list[Answer]:
        """The answers to what was due from ``begin`` to ``end``, by ``time.monotonic``."""
        return [each for each in list(self.answers) if begin <= each.due < end]


def failed(answers: Sequence[Answer]) -> list[Answer]:
    """Those that are not what was asked for."""
    return [each for each in answers if each.failed]


def p99(answers: Sequence[Answer]) -> float:
    """Milliseconds that 99 of 100 took at most."""
    return quantiles((each.seconds * 1000 for each in answers), n=100)[-1]
