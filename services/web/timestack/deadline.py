"""A database that hangs is not waited for.

A server whose disk or machine froze still has its connections: its network answers, it does not,
and libpq would wait forever. Here each wait is watched. A statement may take its time (the server
itself ends it after STATEMENT_TIMEOUT of timestack.db, or what ``patient`` allows); but when
nothing has come for PATIENCE seconds, the server is asked whether it is there, by the first message
of a new connection. If it does not answer that either, all waits for it end, and new ones fail at
once until it answers. So does a wait for somebody who is gone.

For processes that answer requests. psycopg2 has one wait callback for a whole process, and
copies no bulk data while it is set: jobs and the loader keep their own deadlines.
"""

from __future__ import annotations

import logging
import select
import socket
import struct
import time
from threading import Event, Lock, Thread

import psycopg2
from psycopg2 import extensions

from timestack import db

log = logging.getLogger(__name__)

# Seconds without a byte before the server is asked whether it is there, and for its answer: a page
# that meets a hanging database has its 503 after both.
PATIENCE = 3.0
ANSWER = 1.5
# Seconds after a statement's time is over when it is given up although the server is there, which
# should have ended it before.
GRACE = 3
# Seconds between two attempts to reach a server that hangs.
AGAIN = 1.0
# A client's first message: may we use TLS? The answer is one byte.
HELLO = struct.pack("!II", 8, 80877103)


class Server:
    """Whether the database server at an address answers."""

    def __init__(self, host: str, port: int):
        self._address = (host, port)
        self._hangs = Event()
        self._turn = Lock()
        self._asked = 0.0

    def wait(self, connection: extensions.connection) -> None:
        """Wait for a connection's answer; psycopg2 closes the connection when this raises.

        Raises psycopg2.OperationalError when the server hangs, and when nobody waits any more.
        """
        poller, silent = select.poll(), 0.0
        patience = db.patience()
        longest = patience.seconds + GRACE
        while (state := connection.poll()) != extensions.POLL_OK:
            event = select.POLLIN if state == extensions.POLL_READ else select.POLLOUT
            poller.register(connection.fileno(), event)
            silent = 0.0
            while not poller.poll(0 if self._hangs.is_set() else PATIENCE * 1000):
                silent += PATIENCE
                if patience.gone():
                    raise psycopg2.OperationalError("nobody waits for the answer any more")
                if silent >= longest or not self.answers():
                    raise psycopg2.OperationalError(
                        f"nothing came for {PATIENCE:g} s, and the server hangs"
                        if silent < longest
                        else f"nothing came for {longest:g} s"
                    )
            poller.unregister(connection.fileno())

    def answers(self) -> bool:
        """Ask whether the server is there; concurrent callers get the same answer."""
        if self._hangs.is_set():
            return False
        with self._turn:
            if self._hangs.is_set():
                return False
            if time.monotonic() - self._asked < AGAIN or self._ask():
                return True
            self._hangs.set()
        log.error("the database hangs: requests that need it fail until it answers")
        Thread(target=self._watch, name="database-hangs", daemon=True).start()
        return False

    def _ask(self) -> bool:
        try:
            with socket.create_connection(self._address, ANSWER) as line:
                line.settimeout(ANSWER)
                line.sendall(HELLO)
                line.recv(1)
            there = True
        except ConnectionError:
            # A server that is down or starting says so: waits for it end by themselves.
            there = True
        except OSError:
            there = False
        self._asked = time.monotonic()
        return there

    def _watch(self) -> None:
        while not self._ask():
            time.sleep(AGAIN)
        self._hangs.clear()
        log.warning("the database answers again")


def watch(host: str, port: int) -> None:
    """From here on, bound every wait of this process for the database."""
    extensions.set_wait_callback(Server(host, port).wait)
