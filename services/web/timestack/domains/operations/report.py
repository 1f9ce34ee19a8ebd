"""All parts of the report, each read or not, within a few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack.domains.operations import (
    backups,
    database,
    disk,
    drill,
    installation,
    kept,
    queue,
    redis,
    refusals,
    statements,
    tables,
)
from timestack.domains.operations.budget import Budget, SlowError
from timestack.domains.operations.check import STATES, Check, Part, unread

log = logging.getLogger(__name__)

# In the order of the page; what is asked of the database first has the time.
PARTS: dict[str, Callable[[Budget], Part]] = {
    disk.NAME: disk.read,
    backups.NAME: backups.read,
    redis.NAME: redis.read,
    database.NAME: database.read,
    queue.NAME: queue.read,
    drill.NAME: drill.read,
    installation.CERTIFICATES: installation.read_certificates,
    installation.NAME: installation.read,
    tables.NAME: tables.read,
    statements.NAME: statements.read,
}
# What takes a few milliseconds, however much there is; the other checks are of SLOW parts.
QUICK: dict[str, Callable[[Budget], Part]] = {
    disk.NAME: disk.read,
    backups.NAME: backups.read,
    redis.NAME: redis.read,
    database.NAME: database.use,
    queue.NAME: queue.read,
    drill.NAME: drill.read,
    installation.CERTIFICATES: installation.read_certificates,
    tables.NAME: tables.refreshed,
}
SLOW = (tables.NAME, statements.NAME)
# Seconds for which the start page waits, and a job.
BRIEF, PATIENT = 1.0, 60.0


@dataclass(frozen=True)
class Report:
    """What was found at a moment of the database's (UTC), by the names of PARTS."""

    at: datetime
    parts: dict[str, Part]

    @property
    def checks(self) -> list[tuple[str, Check]]:
        """Every check with the name of its part, the worst first."""
        found = [(name, each) for name, part in self.parts.items() for each in part.checks]
        return sorted(found, key=lambda pair: STATES.index(pair[1].state))


def read(session: Session) -> Report:
    """Read everything within some seconds; a part that cannot be read says so.

    What takes long is kept for ``summary``. Raises sqlalchemy.exc.OperationalError where the
    database is away.
    """
    parts = _parts(session, PARTS, Budget(session))
    # One that does not answer is waited for once.
    if parts[redis.NAME].is_known:
        _keep(parts)
    return Report(session.scalar(select(func.now())), parts)


def keep(session: Session) -> None:
    """Read and keep what takes long, as ``read`` does, with more patience."""
    slow = {name: PARTS[name] for name in SLOW}
    _keep(_parts(session, slow, Budget(session, PATIENT)))


def summary(session: Session) -> Sequence[Check]:
    """Return the checks that are not good, the worst first; none where all is well.

    What is quick is as of now, the rest as it was kept. Raises as ``read`` does.
    """
    found = _checks(_parts(session, QUICK, Budget(session, BRIEF)))
    now = {each.name for each in found}
    found += [each for each in kept.kept() if each.name not in now]
    return sorted(
        (each for each in found if each.state != "good"), key=lambda each: STATES.index(each.state)
    )


def _keep(parts: Mapping[str, Part]) -> None:
    # What could not be read replaces nothing.
    if all(parts[name].is_known for name in SLOW):
        kept.keep(_checks({name: parts[name] for name in SLOW}))


def _checks(parts: Mapping[str, Part]) -> list[Check]:
    return [each for part in parts.values() for each in part.checks]


def _parts(
    session: Session, readers: Mapping[str, Callable[[Budget], Part]], budget: Budget
) -> dict[str, Part]:
    before = session.scalar(text("select current_setting('statement_timeout')"))
    parts = {name: _read(name, reader, budget) for name, reader in readers.items()}
    session.execute(text("select set_config('statement_timeout', :limit, true)"), {"limit": before})
    return parts


def _read(name: str, reader: Callable[[Budget], Part], budget: Budget) -> Part:
    try:
        return reader(budget)
    except SlowError as error:
        return unread(name, str(error))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        log.warning("the report is without %s: %s", name, error)
        return unread(name, refusals.reason(error))
