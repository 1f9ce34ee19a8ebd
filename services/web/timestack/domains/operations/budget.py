"""How long reading may take: a database that is slow gives a page with parts missing, in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.errors import QueryCanceled
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

# Seconds: of all statements together, and of one.
WHOLE, EACH = 4.0, 1.0
# With less left nothing is begun.
LEAST = 0.05

LIMIT = text("select set_config('statement_timeout', :limit, true)")


class SlowError(Exception):
    """The database took longer than is waited for; str() is a sentence."""


class Budget:
    """A session, and the time that is left for statements by it."""

    def __init__(self, session: Session, seconds: float = WHOLE):
        self.session = session
        self._until = time.monotonic() + seconds

    @contextmanager
    def step(self, longest: float = EACH) -> Iterator[Session]:
        """Give the session for a statement that ends in time and spoils no other one.

        Raises SlowError where it took longer, or where no time is left to begin.
        """
        seconds = min(longest, self._until - time.monotonic())
        if seconds < LEAST:
            raise SlowError("The database is too slow now for the whole page: try again.")
        try:
            with self.session.begin_nested():
                self.session.execute(LIMIT, {"limit": f"{seconds * 1000:.0f}ms"})
                yield self.session
        except DBAPIError as error:
            if isinstance(error.orig, QueryCanceled):
                raise SlowError(
                    f"The database took longer than {seconds:.1f} s: try again."
                ) from None
            raise
