"""How full the database's volume is, which only its own container sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from timestack.domains.operations.budget import EACH, Budget

VOLUME = text("select total, free, seen_at, now() from timestack_server.volume()")
# The container's health check looks every thirty seconds.
OLD = timedelta(minutes=10)


class UnknownError(Exception):
    """Nobody knows; str() is a sentence."""


@dataclass(frozen=True)
class Volume:
    """Its bytes, and those that the database may still write."""

    total: int
    free: int

    @property
    def share_free(self) -> float:
        """What is free, from 0 to 1."""
        return self.free / self.total


def read(budget: Budget, longest: float = EACH) -> Volume:
    """Return what the last health check saw.

    Raises UnknownError where there was none for a while, and SlowError.
    """
    with budget.step(longest) as session:
        total, free, seen_at, now = session.execute(VOLUME).one()
    if not total:
        raise UnknownError("The database's health check has not written it down yet.")
    if now - seen_at > OLD:
        raise UnknownError(
            f"The database's health check wrote it down last at {seen_at:%Y-%m-%d %H:%M} UTC."
        )
    return Volume(total, free)
