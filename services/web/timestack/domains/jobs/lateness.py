"""Schedules whose jobs should have run by now and have not: people are told, once for each time.

A worker looks, and not beat, whose death is one of the two causes; the other is a queue whose
worker is dead or busy. Attempts that failed are told of by themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from timestack.domains.jobs import notices
from timestack.domains.jobs.kinds import KINDS
from timestack.domains.jobs.schedules import BY
from timestack.models.jobs import Job, PausedKind, ScheduleState

LATE = timedelta(minutes=10)


def tell(session: Session) -> list[str]:
    """Tell people of what is late and has not been told of; return the schedules' names."""
    rows = session.execute(
        select(ScheduleState, _waiting_since(), func.now())
        .order_by(ScheduleState.name)
        .with_for_update(of=ScheduleState, skip_locked=True)
    ).all()
    found = []
    for row, waiting_since, now in rows:
        since, text = (
            (row.due_at, f"it was due at {_utc(row.due_at)}: is beat running?")
            if row.due_at < now - LATE
            else (waiting_since, f"its job waits since {_utc(waiting_since)}: {_worker(row.kind)}")
        )
        if since and since < now - LATE and (row.warned_at is None or row.warned_at < since):
            row.warned_at = now
            found.append((row.name, text))
    if found:
        names = [name for name, _ in found]
        subject = f"late: {', '.join(names)}"
        lines = [f"{name}: {text}" for name, text in found]
        notices.add(session, "schedule", subject, "\n".join([*lines, "See make ps."]), "/dash/jobs")
    return [name for name, _ in found]


def _waiting_since():
    """Return since when the oldest job of a schedule waits for a worker, and for nothing else."""
    running = aliased(Job)
    paused = select(PausedKind.kind).where(PausedKind.kind == ScheduleState.kind)
    another = select(running.id).where(
        running.kind == ScheduleState.kind, running.state == "running"
    )
    return (
        select(func.min(Job.run_at))
        .where(
            Job.kind == ScheduleState.kind,
            Job.state == "queued",
            Job.attempts == 0,
            Job.submitted_by == BY,
            ~paused.exists(),
            ~another.exists(),
        )
        .correlate(ScheduleState)
        .scalar_subquery()
    )


def _worker(kind: str) -> str:
    queue = KINDS[kind].queue if kind in KINDS else "its"
    return f"is the worker of the {queue} queue running, or busy?"


def _utc(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else ""
