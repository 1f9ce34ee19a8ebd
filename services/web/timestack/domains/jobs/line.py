"""A worker process's own connection, kept from job to job: what a job costs is mostly round trips.

Its advisory locks guard what the process does, and end with the connection if not before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from timestack import db, prepared
from timestack.domains.jobs import steps
from timestack.prepared import Prepared

log = logging.getLogger(__name__)

# How long a job waits for a database that is away, and how long until the next attempt, in seconds.
# Without the wait, a worker would take every message there is to no avail.
PATIENCE = 30.0
PAUSE = 0.5

_CLEAN = text("discard all")


class Claimed(NamedTuple):
    """The number of this attempt, and the job's parameters."""

    attempt: int
    params: dict[str, Any]


class Line:
    """The connection, opened when it is first needed and again when it was lost."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._done: str | None = None

    @contextmanager
    def free(self) -> Iterator[None]:
        """End the line's locks, settings and temporary tables after a block, unless it is done."""
        try:
            yield
        finally:
            if self._done is None:
                self._clear()

    def done(self, id: UUID) -> None:
        """Let the lock of a job that has ended be until the next one: nobody asks for it."""
        self._done = str(id)

    def lock(self, name: str) -> bool:
        """Take the advisory lock of a name; False when another connection holds it."""
        return self._run(steps.LOCK, {"name": name})[0]

    def take(self, id: UUID, task_id: str | None, limit: timedelta) -> Claimed | None:
        """Claim a job under its lock, as ``steps.claim``; its queries end at ``limit``.

        A commit of its own, which does not wait for the disk: a claim that a crash of the server
        takes back leaves a queued job.
        """
        seconds = f"{limit.total_seconds():.0f}s"
        given = {"job": id, "task": task_id, "name": str(id), "limit": seconds, "done": self._done}
        self._done = None
        row = self._run(steps.TAKE, given)
        return row and Claimed(*row[:2])

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give a session for the work; what is not committed is rolled back at the end."""
        db.switch_autocommit(self._connection, on=False)
        with Session(self._connection, expire_on_commit=False) as opened:
            yield opened

    def _run(self, statement: Prepared, given: Mapping[str, Any]) -> tuple | None:
        if self._connection is not None:
            try:
                # Whatever the job before left it at.
                db.switch_autocommit(self._connection, on=True)
                return statement.one(self._connection, given)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # The server was restarted since the last job.
                _close(self._connection)
        self._connection = _opened()
        return statement.one(self._connection, given)

    def _clear(self) -> None:
        # Kept only when all went well: a signal may interrupt anything.
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if not connection.invalidated:
                connection.rollback()
                db.switch_autocommit(connection, on=True)
                connection.execute(_CLEAN)
                connection.commit()
                prepared.forget(connection)
                self._connection = connection
        except DBAPIError as error:
            log.warning("the connection of a job was lost after it: %s", error.orig)
        finally:
            if self._connection is None:
                _close(connection)


def _close(connection: Connection) -> None:
    connection.invalidate()
    connection.close()


def _opened() -> Connection:
    """Return a connection in autocommit; waits PATIENCE for a database that is away."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection = db.connect()
        except OperationalError as error:
            if time.monotonic() > until:
                raise
            log.warning("the database is away, its job waits: %s", error.orig)
            time.sleep(PAUSE)
        else:
            db.switch_autocommit(connection, on=True)
            return connection
