"""Background jobs. The row in ``jobs`` is the truth; a message only says that there is one.

A job goes queued -> running -> succeeded or failed, and from running back to queued when its
worker died. Each step is one UPDATE whose WHERE clause names the state it leaves, so that two
processes cannot both take it. A running job is guarded by an advisory lock on the connection
that does its work: the lock ends when that connection does, so a process that can take the lock
of a running job knows that its worker is dead, without clocks or heartbeats.

All times are UTC. Every function takes the session to work in and leaves the commit to the
caller, but ``submit`` and ``sweep``, which must commit before they send.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, null, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack import db, queue
from timestack.models.jobs import Job

log = logging.getLogger(__name__)

# The kinds of jobs. Each is the name of a task of the same name under timestack/tasks.
KINDS = {
    "rollups.refresh": "Bring every rollup up to date with its readings",
    "usage.ingest": "Take in every account's usage from the platform, up to yesterday",
    "companies.fetch": "Take in companies and their finances from the platform",
}

# A job whose worker died this many times is not started again.
MAX_ATTEMPTS = 3
# A message reaches a worker in milliseconds; a row that waited longer may have lost its own.
LOST_AFTER = timedelta(minutes=1)


class UnknownKindError(ValueError):
    """The kind is not in KINDS."""

    def __init__(self, kind: str):
        super().__init__(f"kind {kind!r} is not known: use one of {', '.join(sorted(KINDS))}")


class ConflictError(ValueError):
    """The id belongs to a job of another kind."""


def submit(kind: str, *, id: UUID | None = None, request_id: str | None = None) -> Job:
    """Record a job as queued, commit, send its message and return its row.

    Repeating a call with the same ``id`` returns the job that the first call made. Without
    a broker the sweeper sends the message later.

    Raises UnknownKindError, and ConflictError when ``id`` is a job of another kind.
    """
    if kind not in KINDS:
        raise UnknownKindError(kind)
    id = id or uuid4()
    with db.session() as session:
        made = session.scalar(
            insert(Job)
            .values(id=id, kind=kind, state="queued", request_id=request_id)
            .on_conflict_do_nothing()
            .returning(Job.id)
        )
        job = session.get_one(Job, id)
    if job.kind != kind:
        raise ConflictError(f"job {id} exists and is of kind {job.kind!r}, not {kind!r}")
    if made:
        send(job)
    return job


def send(job: Job) -> bool:
    """Send the message of a queued job; False when the broker does not answer."""
    return queue.send(job.kind, str(job.id), queue=queue.JOBS, request_id=job.request_id)


def get(session: Session, id: UUID) -> Job | None:
    """Return one job, or None."""
    return session.get(Job, id)


def latest(session: Session, limit: int = 50) -> Sequence[Job]:
    """Return the newest jobs, newest first."""
    return session.scalars(select(Job).order_by(Job.created_at.desc()).limit(limit)).all()


def lock(session: Session, name: str) -> bool:
    """Take the advisory lock of a job's id or a kind until the connection or ``unlock`` ends it.

    Returns False when another connection holds it.
    """
    return session.scalar(select(func.pg_try_advisory_lock(_key(name))))


def unlock(session: Session) -> None:
    """Release every lock that ``lock`` took on this session's connection."""
    session.execute(text("select pg_advisory_unlock_all()"))


def claim(session: Session, id: UUID) -> bool:
    """Start a job: queued, or running under a worker that died. The caller holds the job's lock.

    Returns False when there is nothing to start: the job is finished, unknown, or has used up
    its attempts, in which case it is failed here.
    """
    if _fail_if_exhausted(session, id):
        return False
    return _step(
        session,
        id,
        ("queued", "running"),
        state="running",
        progress=0,
        message="",
        started_at=func.now(),
        attempts=Job.attempts + 1,
    )


def progress(session: Session, id: UUID, fraction: float, message: str) -> bool:
    """Record how far a running job is: ``fraction`` from 0 to 1, never going back."""
    bounded = min(max(fraction, 0.0), 1.0)
    return _step(
        session,
        id,
        ("running",),
        progress=func.greatest(Job.progress, bounded),
        message=message,
    )


def succeed(session: Session, id: UUID, result: dict | None) -> bool:
    """Finish a running job with its result."""
    return _step(
        session,
        id,
        ("running",),
        state="succeeded",
        progress=1,
        message="",
        result=null() if result is None else result,
        finished_at=func.now(),
    )


def fail(session: Session, id: UUID, reason: str) -> bool:
    """Finish a running job with a sentence that says why it failed."""
    return _step(
        session,
        id,
        ("running",),
        state="failed",
        message=reason,
        finished_at=func.now(),
    )


def wake(session: Session, kind: str) -> Job | None:
    """Send the oldest queued job of a kind, after the run that it waited for; return it."""
    job = session.scalar(
        select(Job).where(Job.kind == kind, Job.state == "queued").order_by(Job.created_at).limit(1)
    )
    if job:
        send(job)
    return job


def sweep() -> dict[str, int]:
    """Repair what crashes left behind; safe to run at any time and any number of times.

    A running job whose worker died is queued again, or failed after MAX_ATTEMPTS. Then messages
    are sent, oldest job first, as far as there are more queued rows than messages: a message too
    many finds its job taken, and does nothing.

    Returns the counts ``requeued``, ``failed`` and ``sent``.
    """
    with db.session() as session:
        requeued, failed = _bury(session)
    for id in failed:
        log.error("job %s failed: its worker died %d times", id, MAX_ATTEMPTS)
    waiting = queue.messages(queue.JOBS)
    if waiting is None:
        return {"requeued": len(requeued), "failed": len(failed), "sent": 0}
    with db.session() as session:
        rows = session.execute(
            select(Job, Job.created_at < func.now() - LOST_AFTER)
            .where(Job.state == "queued")
            .order_by(Job.created_at)
        ).all()
    suspects = [job for job, old in rows if old or job.id in requeued]
    sent = [job for job in suspects[: max(len(rows) - waiting, 0)] if send(job)]
    return {"requeued": len(requeued), "failed": len(failed), "sent": len(sent)}


def _bury(session: Session) -> tuple[set[UUID], set[UUID]]:
    """Queue the running jobs whose worker died again, or fail them; return (requeued, failed)."""
    requeued, failed = set(), set()
    for id in session.scalars(select(Job.id).where(Job.state == "running")).all():
        # Held until the commit: no worker can claim the job while its row changes.
        if not session.scalar(select(func.pg_try_advisory_xact_lock(_key(str(id))))):
            continue
        if _fail_if_exhausted(session, id):
            failed.add(id)
        elif _step(
            session,
            id,
            ("running",),
            state="queued",
            progress=0,
            message="its worker died; waiting for another",
            started_at=None,
        ):
            requeued.add(id)
    return requeued, failed


def _step(session: Session, id: UUID, states: tuple[str, ...], *conditions, **values) -> bool:
    """Change one job if it is in one of ``states``; the only place that updates a row."""
    statement = (
        update(Job)
        .where(Job.id == id, Job.state.in_(states), *conditions)
        .values(**values)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(statement) is not None


def _fail_if_exhausted(session: Session, id: UUID) -> bool:
    return _step(
        session,
        id,
        ("queued", "running"),
        Job.attempts >= MAX_ATTEMPTS,
        state="failed",
        message=f"its worker died {MAX_ATTEMPTS} times: see the worker's log",
        finished_at=func.now(),
    )


def _key(name: str):
    return func.hashtextextended(f"timestack:{name}", 0)
