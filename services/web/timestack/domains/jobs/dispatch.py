"""What is due is sent, and what crashes left behind is repaired: beat does both, again and again.

What a request asks for is sent at once, by ``submit``.

A message is only a hint: one too many finds its job taken and does nothing, and one that was lost
is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from timestack import db, queue
from timestack.domains.jobs import requests, steps
from timestack.domains.jobs.kinds import KINDS, find
from timestack.models.jobs import Job

log = logging.getLogger(__name__)

# A message reaches a worker in milliseconds; a row that waited longer may have lost its own.
LOST_AFTER = timedelta(seconds=15)
# How long a running job that was cancelled has to come to its next progress call.
GRACE = timedelta(seconds=30)
# How many messages are sent in one go.
BATCH = 500


def submit(kind: str, params: Mapping[str, Any] | None = None, **request) -> Job:
    """Accept a job, commit, send its message and return its row; ``request`` is as in Request.

    Repeating a call with the same ``id`` returns the job that the first call made; so does, for a
    kind of which jobs are unique, a call with equal parameters. Without a broker the message is
    sent later.

    Raises UnknownKindError, ParamsError, TooLargeError, and ConflictError when ``id`` is of another
    request or ``waits_for`` of no job.
    """
    asked = requests.Request(**request)
    # What is refused at once needs no database.
    find(kind)
    # One statement: without BEGIN and COMMIT, a request waits for the database half as long.
    with db.single_statements() as connection:
        made, job = requests.write(connection, kind, params or {}, asked, sending=True)
    if made and job.sent_at:
        send(job)
    return job


def send(job: Job) -> bool:
    """Send the message of a queued job whose ``sent_at`` is set; take that back on failure.

    Returns False when the broker does not take it.
    """
    kind = KINDS.get(job.kind)
    sent = kind is not None and queue.send(
        job.kind,
        str(job.id),
        queue=kind.queue,
        request_id=job.request_id,
        priority=job.priority,
        time_limit=kind.time_limit,
    )
    if not sent:
        with db.session() as session:
            _mark_unsent(session, [job.id])
    return sent


def due() -> int:
    """Send the messages of queued jobs that are due and have none; return how many.

    The most urgent first, then the one that has been due longest.
    """
    first = aliased(Job)
    with db.session() as session:
        ready = (
            select(Job.id)
            .where(Job.sent_at.is_(None), steps.startable(first), Job.kind.in_(KINDS))
            .order_by(Job.priority, Job.run_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        jobs = session.scalars(
            update(Job)
            .where(Job.id.in_(ready.scalar_subquery()))
            .values(sent_at=func.now())
            .returning(Job)
            .execution_options(synchronize_session=False)
        ).all()
    return _send_all(sorted(jobs, key=lambda job: (job.priority, job.run_at)))


def wake(session: Session, kind: str) -> Job | None:
    """Send the next queued job of an exclusive kind, after the run that it waited for."""
    first = aliased(Job)
    job = session.scalar(
        select(Job)
        .where(Job.kind == kind, Job.sent_at.is_not(None), steps.startable(first))
        .order_by(Job.priority, Job.run_at)
        .limit(1)
    )
    if job:
        send(job)
    return job


def sweep() -> dict[str, int]:
    """Repair what crashes left behind; safe to run at any time and any number of times.

    A running job whose worker died is queued again, failed when that was its last attempt, or
    cancelled if that was asked for; one that was cancelled and went on is killed; one that waits
    for a job that did not succeed is cancelled. Messages that were lost are sent again.

    Returns the counts ``requeued``, ``failed``, ``cancelled``, ``killed`` and ``resent``.
    """
    counts = dict.fromkeys(("requeued", "failed", "cancelled", "killed", "resent"), 0)
    with db.session() as session:
        for id in session.scalars(select(Job.id).where(Job.state == "running")).all():
            outcome = _bury(session, id)
            if outcome:
                counts[outcome] += 1
        counts["cancelled"] += _orphans(session)
        overdue = session.scalars(
            select(Job.task_id).where(
                Job.state == "running", Job.cancel_requested_at < func.now() - GRACE
            )
        ).all()
    for task_id in overdue:
        counts["killed"] += bool(task_id) and queue.kill(task_id)
    counts["resent"] = sum(map(_forget_lost, queue.WORK))
    if counts["resent"]:
        due()
    return counts


def _bury(session: Session, id: UUID) -> str | None:
    """Take a running job from a worker that died; return what became of it."""
    # Held until the commit: no worker can claim the job while its row changes.
    if not session.scalar(select(func.pg_try_advisory_xact_lock(steps.key(str(id))))):
        return None
    job = session.get(Job, id, populate_existing=True)
    if job is None or job.state != "running":
        return None
    if job.cancel_requested_at:
        steps.cancelled(session, id, "cancelled; its work was stopped by force")
        return "cancelled"
    if job.attempts >= job.max_attempts:
        log.error("job %s of kind %s failed: its worker died", id, job.kind)
        steps.give_up(session, id, _died(job))
        return "failed"
    log.warning("job %s of kind %s: its worker died, so it is queued again", id, job.kind)
    steps.requeue(session, id, "its worker died; waiting for another")
    return "requeued"


def _died(job: Job) -> str:
    times = "time" if job.attempts == 1 else "times"
    return f"it was started {job.attempts} {times}, and its worker died: see the worker's log"


def _orphans(session: Session) -> int:
    """Cancel jobs that wait for one that did not succeed; return how many."""
    first = aliased(Job)
    rows = session.execute(
        select(Job.id, first.kind, first.state)
        .join(first, first.id == Job.waits_for)
        .where(Job.state == "queued", first.state.in_(("failed", "cancelled")))
    ).all()
    for id, kind, state in rows:
        steps.cancelled(session, id, f"the job of kind {kind} that it waited for {_became(state)}")
    return len(rows)


def _became(state: str) -> str:
    return "failed" if state == "failed" else "was cancelled"


def _forget_lost(name: str) -> int:
    """Take down that the messages of a queue that seem to be lost were sent; return how many.

    As many as there are more queued rows than messages, those that were sent first.
    """
    kinds = [kind.name for kind in KINDS.values() if kind.queue == name]
    sent = (Job.state == "queued") & Job.sent_at.is_not(None) & Job.kind.in_(kinds)
    # A clock that was set back would have us wait until it has caught up.
    since = func.abs(func.extract("epoch", func.now() - Job.sent_at))
    late = sent & (since > LOST_AFTER.total_seconds()) & ~_held_up()
    with db.session() as session:
        if not session.scalar(select(select(Job.id).where(late).exists())):
            return 0
        waiting = queue.messages(name)
        if waiting is None:
            return 0
        missing = session.scalar(select(func.count()).select_from(Job).where(sent)) - waiting
        first = select(Job.id).where(late).order_by(Job.sent_at).limit(max(missing, 0))
        return session.execute(
            update(Job)
            .where(Job.id.in_(first.with_for_update(skip_locked=True).scalar_subquery()))
            .values(sent_at=None)
            .execution_options(synchronize_session=False)
        ).rowcount


def _held_up():
    """Return the condition that a job waits for another run of its exclusive kind to end."""
    running = aliased(Job)
    exclusive = [kind.name for kind in KINDS.values() if kind.exclusive]
    there = select(running.id).where(running.kind == Job.kind, running.state == "running")
    return Job.kind.in_(exclusive) & there.exists()


def _send_all(jobs: Sequence[Job]) -> int:
    """Send messages until the broker takes one no more; the rest keep having none."""
    for number, job in enumerate(jobs):
        if not send(job):
            with db.session() as session:
                _mark_unsent(session, [each.id for each in jobs[number:]])
            return number
    return len(jobs)


def _mark_unsent(session: Session, ids: Sequence[UUID]) -> None:
    session.execute(
        update(Job)
        .where(Job.id.in_(ids), Job.state == "queued")
        .values(sent_at=None)
        .execution_options(synchronize_session=False)
    )
