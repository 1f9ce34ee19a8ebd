"""Why the database did not answer a question, as a sentence."""

from __future__ import annotations

from psycopg2 import errors
from sqlalchemy.exc import DBAPIError

# The database answers, and does not do what it was asked to.
REFUSALS = (DBAPIError,)
# Without the functions of server.sql, or the right to call them.
MISSING = (
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.InsufficientPrivilege,
)


def reason(error: Exception) -> str:
    """Return the reason for a reader."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, MISSING):
        return (
            "This server lacks what services/timescaledb/server.sql makes, or the right to it:"
            " `make up` starts it with both."
        )
    return str(cause).strip().partition("\n")[0]
