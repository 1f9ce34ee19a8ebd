"""Backups, which a program in the database's container takes: they are started and followed here.

It runs by itself once started, so that a worker that dies takes none with it: the job's next
attempt follows what still runs. Times of the container are seconds since 1970 by the clock that the
database has as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.jobs import steps
from timestack.progress import Progress

STATE = text("""
    select run, found, archiver, extract(epoch from clock_timestamp())::float8 as now
      from timestack_server.backups()
""")
TAKE = text("select timestack_server.start_backup(:type)")
VERIFY = text("select timestack_server.start_verification()")
LOOK = text("select timestack_server.look_at_backups()")

# Seconds between two looks at what runs, until one that was started shows itself, and without a
# sign of life, which it gives each second.
PERIOD, BEGIN, SILENT = 1.0, 20.0, 60.0


class DamagedError(steps.PermanentError):
    """Something in the repository is not what was written; str() says what and where."""


@dataclass(frozen=True)
class State:
    """What is known ``now``: the last ``run``, what was ``found`` in the repository, the archiver.

    As services/timescaledb/backups.py writes them; empty before.
    """

    run: dict[str, Any]
    found: dict[str, Any]
    archiver: dict[str, Any]
    now: float

    @property
    def is_busy(self) -> bool:
        """Whether something runs."""
        return self.run.get("state") == "running" and self.now - self.run["at"] < SILENT


def state(session: Session) -> State:
    """Return what the server says of its backups."""
    run, found, archiver, now = session.execute(STATE).one()
    return State(run or {}, found or {}, archiver, now)


def look(longest: float = 60.0) -> State:
    """Have the repository read again, and return what is known then, or what was before."""
    with db.session() as session:
        before = state(session)
        session.execute(LOOK)
    until = time.monotonic() + longest
    while True:
        with db.session() as session:
            seen = state(session)
        if seen.found.get("at") != before.found.get("at") or time.monotonic() > until:
            return seen
        time.sleep(PERIOD / 4)


def take(progress: Progress, kind: str) -> dict:
    """Take a backup and return what it is; see ``_follow`` for what it raises."""
    return _follow(progress, f"take {kind}", lambda session: session.scalar(TAKE, {"type": kind}))


def verify(progress: Progress) -> dict:
    """Check that WAL arrives and read every file; raises DamagedError, and as ``_follow`` does."""
    try:
        return _follow(progress, "verify", lambda session: session.scalar(VERIFY))
    except RuntimeError as error:
        if str(error).startswith("damaged"):
            raise DamagedError(str(error)) from None
        raise


def _follow(progress: Progress, command: str, begin: Callable[[Session], UUID]) -> dict:
    """Start a command, or find it running, and wait for its end; returns its result.

    Raises RuntimeError with its last sentence where it failed, and LaterError where another one
    runs.
    """
    with db.session() as session:
        seen = state(session)
        if not seen.archiver["on"]:
            raise steps.PermanentError("this database archives nothing: it has no backup_key")
        mine = seen.is_busy and seen.run["command"] == command
        id = seen.run["id"] if mine else str(begin(session))
    until = time.monotonic() + BEGIN
    while True:
        with db.session() as session:
            seen = state(session)
        run = seen.run
        if run.get("id") != id:
            if seen.is_busy:
                raise steps.LaterError(f"another one runs now: {run['command']}")
            if time.monotonic() > until:
                raise steps.LaterError("it did not begin: was the database's container restarted?")
        elif run["state"] == "succeeded":
            return run["result"]
        elif run["state"] == "failed":
            raise RuntimeError(run["message"])
        elif not seen.is_busy:
            raise RuntimeError(f"it was ended without a word, after {run['message']}")
        else:
            progress(run["progress"], run["message"])
        time.sleep(PERIOD)
