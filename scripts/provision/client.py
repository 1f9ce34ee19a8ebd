"""The client of a load, at the other end of standard input; and how a load is ended early.

`make load` holds the standard input of the container open for as long as it lives, and sends the
file through it in frames: four bytes of length, the highest first, then as many bytes; an empty
frame ends the file. Standard input that ends before the load does means that the client is
gone, whatever killed it: then nothing is committed.
"""

from __future__ import annotations

import io
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import psycopg2
from psycopg2.extensions import connection as Connection
from sqlalchemy import Engine, event

STDIN = 0
LENGTH = 4
# Seconds that a load has to clean up after itself before its process is ended.
GRACE = 20.0


class Ending:
    """Ends the load of this process with KeyboardInterrupt, at any moment but during the commit.

    A running statement is cancelled: psycopg2 does not return before it ends.
    Made, and left, by the main thread.
    """

    def __init__(self, engine: Engine):
        self.asked = False
        self._raised = False
        self._committing = False
        self._over = threading.Event()
        self._cancelled = threading.Event()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        event.listen(engine, "connect", lambda made, _: self._connections.add(made))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._interrupt())

    def ask(self) -> None:
        """End the load, from any thread."""
        self.asked = True
        if self._committing:
            return
        threading.Thread(target=self._exit, daemon=True).start()
        threading.Thread(target=self._cancel, daemon=True).start()
        if threading.current_thread() is not threading.main_thread():
            # A real signal: it also wakes the main thread from a read.
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def settle(self) -> None:
        """Wait until every statement is cancelled: one that cleans up must not be."""
        self._cancelled.wait(GRACE / 2)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Around the commit: raises KeyboardInterrupt before it, or lets it finish."""
        self._committing = True
        if self.asked:
            raise KeyboardInterrupt
        yield

    def over(self) -> None:
        """Note that there is nothing left to end."""
        self._over.set()

    def _interrupt(self) -> None:
        if self._committing or self._raised:
            return
        if not self.asked:
            self.ask()
        self.settle()
        self._raised = True
        raise KeyboardInterrupt

    def _cancel(self) -> None:
        for connection in list(self._connections):
            with suppress(psycopg2.Error):
                connection.cancel()
        self._cancelled.set()

    def _exit(self) -> None:
        if not self._over.wait(GRACE):
            os._exit(130)


class Client(io.RawIOBase):
    """The file that the client sends; input that ends before the file does ends the load."""

    def __init__(self, ending: Ending):
        self._ending = ending
        self._left = 0
        self._ended = False

    def watch(self) -> None:
        """End the load when the client is gone; it sends nothing more by then."""
        threading.Thread(target=self._wait, daemon=True).start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._left and not self._ended:
            self._left = int.from_bytes(self._take(LENGTH), "big")
            if not self._left:
                self._ended = True
                self.watch()
        if self._ended:
            return 0
        data = os.read(STDIN, min(self._left, len(buffer)))
        if not data:
            self._gone()
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = os.read(STDIN, size - len(data))
            if not more:
                self._gone()
            data += more
        return data

    def _gone(self) -> NoReturn:
        self._ending.ask()
        self._ending.settle()
        raise KeyboardInterrupt

    def _wait(self) -> None:
        while os.read(STDIN, 1):
            pass
        self._ending.ask()
