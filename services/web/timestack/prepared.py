"""Statements that a connection parses and plans once, and that the driver runs by itself.

For the few that every job costs. Another statement takes longer to be planned by PostgreSQL and to
be handled by SQLAlchemy than to be run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import adapt
from sqlalchemy import Connection, Executable
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import DBAPIError

# Of SQLAlchemy's dialects the one that writes parameters as PREPARE takes them: $1::UUID.
_DIALECT = asyncpg.dialect()
# Where the pool keeps what it knows of a connection, as long as that is open.
_MADE = "prepared"


class Prepared:
    """A statement under a name of its own; its bind parameters without a value are given each time.

    It is prepared on a connection when that first runs it, and again after ``forget``.
    """

    def __init__(self, name: str, statement: Executable):
        compiled = statement.compile(dialect=_DIALECT)
        values = (
            f"%({each})s" if compiled.binds[each].required else _literal(compiled.params[each])
            for each in compiled.positiontup
        )
        self._name = name
        self._make = f"prepare {name} as {compiled}"
        self._call = f"execute {name} ({', '.join(values)})"

    def one(self, connection: Connection, given: Mapping[str, Any]) -> tuple | None:
        """Run it in the driver's transaction, or in one of its own in autocommit; return its row.

        A value that is JSON is given as text. Raises sqlalchemy.exc.DBAPIError.
        """
        pooled = connection.connection
        made = pooled.info.setdefault(_MADE, set())
        try:
            with pooled.cursor() as cursor:
                if self._name not in made:
                    cursor.execute(self._make)
                    made.add(self._name)
                cursor.execute(self._call, given)
                return cursor.fetchone()
        except psycopg2.Error as error:
            raise self._fault(connection, error) from error

    def _fault(self, connection: Connection, error: psycopg2.Error) -> DBAPIError:
        """Return the driver's error as SQLAlchemy's; a connection that was lost is given up."""
        driver = connection.connection.driver_connection
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        return DBAPIError.instance(
            self._call, None, error, psycopg2.Error, connection_invalidated=lost
        )


def forget(connection: Connection) -> None:
    """Take down that nothing is prepared on a connection any more: its session was reset."""
    connection.info.pop(_MADE, None)


def _literal(value: Any) -> str:
    return adapt(value).getquoted().decode().replace("%", "%%")
