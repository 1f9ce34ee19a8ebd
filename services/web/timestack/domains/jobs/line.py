"""A worker process's own connection, kept from job to job: what a job costs is mostly round trips.

Its advisory locks guard what the process does, and end with the connection if not before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Executable, Row, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.jobs import steps

log = logging.getLogger(__name__)

# How long a job waits for a database that is away, and how long until the next attempt, in seconds.
# Without the wait, a worker would take every message there is to no avail.
PATIENCE = 30.0
PAUSE = 0.5

_LOCK = select(func.pg_try_advisory_lock(steps.key(steps.NAME)))
_CLEAN = text("discard all")


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
        return self._execute(_LOCK, {"name": name}).one()[0]

    def take(self, id: UUID, task_id: str | None, limit: timedelta) -> Row | None:
        """Claim a job under its lock, as ``steps.claim``; its queries end at ``limit``.

        A commit of its own, which does not wait for the disk: a claim that a crash of the server
        takes back leaves a queued job.
        """
        seconds = f"{limit.total_seconds():.0f}s"
        given = {"job": id, "task": task_id, "name": str(id), "limit": seconds, "done": self._done}
        self._done = None
        return self._execute(steps.TAKE, given).one_or_none()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give a session for the work; what is not committed is rolled back at the end."""
        db.switch_autocommit(self._connection, on=False)
        with Session(self._connection, expire_on_commit=False) as opened:
            yield opened

    def _execute(self, statement: Executable, given: Mapping[str, Any]):
        if self._connection is not None:
            try:
                return self._send(statement, given)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # The server was restarted since the last job.
                _close(self._connection)
        self._connection = _opened()
        return self._send(statement, given)

    def _send(self, statement: Executable, given: Mapping[str, Any]):
        found = self._connection.execute(statement, given)
        # Of SQLAlchemy's transaction; the server has ended its own.
        self._connection.commit()
        return found

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
