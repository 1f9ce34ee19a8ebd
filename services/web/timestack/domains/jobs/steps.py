"""A worker's way through one job: it is claimed, tells its progress, and ends."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Row,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from timestack import db
from timestack.domains.jobs import notices
from timestack.domains.jobs.kinds import KINDS, OPEN
from timestack.logs import masked
from timestack.models.jobs import Job, PausedKind
from timestack.prepared import Prepared

LONGEST_BACKOFF = timedelta(hours=1)
# How much of an error is kept, in characters.
LONGEST_REASON = 2000


class PermanentError(Exception):
    """The job cannot succeed by being tried again; str() says what to do."""


class LaterError(Exception):
    """The job may succeed when it is tried again, after a time at the earliest; str() says why."""

    def __init__(self, why: str, after: timedelta = timedelta(0)):
        self.after = after
        super().__init__(why)


class CancelledError(Exception):
    """Somebody cancelled the job that is running."""


@contextmanager
def locks() -> Iterator[Session]:
    """Give a session on a connection of its own, whose advisory locks end with the block.

    They end before it as well, with the connection: never while its work goes on.
    """
    with db.steady_session() as session:
        try:
            yield session
        finally:
            session.rollback()
            if not session.get_bind().invalidated:
                session.execute(text("select pg_advisory_unlock_all()"))
                session.commit()


def lock(session: Session, name: str) -> bool:
    """Take the advisory lock of a name and commit; it lasts as long as the session of ``locks``.

    Returns False when another connection holds it.
    """
    taken = session.scalar(select(func.pg_try_advisory_lock(key(name))))
    # The lock outlives the transaction; the work begins with none open.
    session.commit()
    return taken


def key(name):
    """Return the SQL expression of the number that PostgreSQL knows the lock of a name by."""
    return func.hashtextextended(literal("timestack:") + name, 0)


def startable(first: type[Job]):
    """Return the condition under which a job may start; ``first`` is another name of ``jobs``."""
    done = select(first.id).where(first.id == Job.waits_for, first.state == "succeeded")
    paused = select(PausedKind.kind).where(PausedKind.kind == Job.kind)
    # One that was due when it was made stays so when the clock has been set back since.
    return (
        (Job.state == "queued")
        & (Job.run_at <= func.greatest(func.now(), Job.created_at))
        & ~paused.exists()
        & (Job.waits_for.is_(None) | done.exists())
    )


_NAME = bindparam("name", type_=Text)
_CLAIM = (
    update(Job)
    .where(
        Job.id == bindparam("job"),
        or_(Job.state == "running", startable(aliased(Job))),
        Job.attempts < Job.max_attempts,
        Job.cancel_requested_at.is_(None),
    )
    .values(
        state="running",
        progress=0,
        message="",
        started_at=func.now(),
        attempts=Job.attempts + 1,
        task_id=bindparam("task"),
    )
    .returning(Job.attempts, Job.params)
    .execution_options(synchronize_session=False)
)
LOCK = Prepared("job_lock", select(func.pg_try_advisory_lock(key(_NAME))))
# The claim under the job's lock, in one round trip. A row that changes meanwhile is looked at
# again, so that a lock that another one has just let go shows what that one left. What it returns
# beside is for its side effects: the lock of the job before is let go, this commit does not wait
# for the disk, later queries end at a limit.
TAKE = Prepared(
    "job_take",
    _CLAIM.where(func.pg_try_advisory_lock(key(_NAME))).returning(
        func.pg_advisory_unlock(key(bindparam("done", type_=Text))),
        func.set_config("synchronous_commit", "off", True),
        func.set_config("statement_timeout", bindparam("limit", type_=Text), False),
    ),
)


def claim(session: Session, id: UUID, task_id: str | None = None) -> Row | None:
    """Start a job that may start: queued, or running under a worker that died.

    Returns ``attempts``, the number of this one, and ``params``. The caller holds the job's lock.
    None when there is nothing to start: it is finished, unknown, not due, paused, waits for another
    one, or has used up its attempts; what is to become of it then is ``dispatch.sweep``'s to
    decide.
    """
    return session.execute(_CLAIM, {"job": id, "task": task_id}).one_or_none()


def progress(session: Session, id: UUID, fraction: float, message: str) -> bool:
    """Record how far a running job is: ``fraction`` from 0 to 1, never going back.

    Raises CancelledError when the job was cancelled.
    """
    bounded = min(max(fraction, 0.0), 1.0)
    cancelled = session.execute(
        update(Job)
        .where(Job.id == id, Job.state == "running")
        .values(progress=func.greatest(Job.progress, bounded), message=message)
        .returning(Job.cancel_requested_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if cancelled and cancelled[0]:
        raise CancelledError
    return cancelled is not None


def succeed(session: Session, id: UUID, result: dict | None, attempt: int | None = None) -> bool:
    """Finish a running job with its result.

    False, and nothing is changed, when it does not run or not in this ``attempt``: its worker was
    taken for dead.
    """
    session.flush()
    given = {
        "job": id,
        "result": None if result is None else json.dumps(result),
        "attempt": attempt,
    }
    return _SUCCEED.one(session.connection(), given) is not None


def fail(
    session: Session,
    id: UUID,
    reason: str,
    *,
    again: bool = True,
    after: timedelta = timedelta(0),
    attempt: int | None = None,
) -> bool:
    """End a running job's attempt with a sentence that says why it failed.

    It is queued once more where it may be tried ``again`` and has an attempt left, not before a
    time ``after`` now; otherwise it has failed for good, which is told. Returns False when it was
    not running, or not in this ``attempt``.
    """
    job = session.get(Job, id, populate_existing=True, with_for_update=True)
    if job is None or job.state != "running" or attempt not in (None, job.attempts):
        return False
    reason = masked(reason)[:LONGEST_REASON]
    errors = _errors(job.attempts, reason)
    if again and job.attempts < job.max_attempts and job.cancel_requested_at is None:
        wait = max(backoff(job.kind, job.attempts), min(after, LONGEST_BACKOFF))
        return _step(
            session,
            id,
            ("running",),
            state="queued",
            progress=0,
            message=f"attempt {job.attempts} of {job.max_attempts} failed: {reason}",
            errors=errors,
            started_at=None,
            sent_at=None,
            run_at=func.now() + wait,
        )
    if job.cancel_requested_at is None:
        notices.failed(session, job, reason)
    return _step(
        session,
        id,
        ("running",),
        state="failed",
        message=reason,
        errors=errors,
        **_end(),
    )


def backoff(kind: str, attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: doubled each time, varied by chance."""
    first = KINDS[kind].backoff if kind in KINDS else timedelta(minutes=1)
    varied = random.uniform(0.5, 1.5)  # noqa: S311 (spreads load, keeps no secret)
    return min(first * 2 ** min(attempts - 1, 20), LONGEST_BACKOFF) * varied


def cancelled(session: Session, id: UUID, message: str) -> bool:
    """Finish a queued or running job that somebody cancelled."""
    return _step(session, id, ("queued", "running"), state="cancelled", message=message, **_end())


def give_up(session: Session, id: UUID, message: str) -> bool:
    """Fail a job, for good, that no worker is at, and tell so."""
    given_up = _step(
        session,
        id,
        ("queued", "running"),
        state="failed",
        message=message,
        errors=_errors(Job.attempts, message),
        **_end(),
    )
    if given_up:
        notices.failed(session, session.get_one(Job, id, populate_existing=True), message)
    return given_up


def requeue(session: Session, id: UUID, message: str) -> bool:
    """Queue a running job again whose worker died."""
    return _step(
        session,
        id,
        ("running",),
        state="queued",
        progress=0,
        message=message,
        errors=_errors(Job.attempts, message),
        started_at=None,
        sent_at=None,
    )


def _end() -> dict[str, Any]:
    """Return what every end of a job changes."""
    open_key = Job.unique_key.startswith(OPEN)
    return {
        "finished_at": func.now(),
        "unique_key": case((open_key, null()), else_=Job.unique_key),
    }


_SUCCEED = Prepared(
    "job_succeed",
    update(Job)
    .where(
        Job.id == bindparam("job"),
        Job.state == "running",
        Job.attempts == func.coalesce(cast(bindparam("attempt"), Integer), Job.attempts),
    )
    .values(
        state="succeeded",
        progress=1,
        message="",
        result=bindparam("result", type_=JSONB),
        **_end(),
    )
    .returning(Job.id),
)


def _errors(attempt, reason: str):
    at = func.to_char(func.timezone("UTC", func.now()), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    entry = func.jsonb_build_object("attempt", attempt, "at", at, "error", reason)
    return Job.errors.op("||", return_type=JSONB)(func.jsonb_build_array(entry))


def _step(session: Session, id: UUID, states: tuple[str, ...], **values) -> bool:
    """Change one job if it is in one of ``states``."""
    statement = (
        update(Job)
        .where(Job.id == id, Job.state.in_(states))
        .values(**values)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(statement) is not None
