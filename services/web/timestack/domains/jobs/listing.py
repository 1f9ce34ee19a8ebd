"""What pages, API and shell show of jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from timestack.domains.jobs import words
from timestack.domains.jobs.control import NotFoundError
from timestack.domains.jobs.kinds import KINDS, Kind
from timestack.models.jobs import FINISHED, STATES, UNFINISHED, Job, PausedKind, ScheduleState

MOST = 200
# Of each state, no more are counted: whoever has so many needs no exact number.
MOST_COUNTED = 10_000
# The states that a filter may name together.
GROUPS = {"unfinished": UNFINISHED, "finished": FINISHED}
BEGINNING = re.compile(r"[0-9a-f]{4,32}")


class AskedError(ValueError):
    """What is asked for cannot be; str() says why."""


@dataclass(frozen=True)
class Filter:
    """Which jobs: of a ``kind``, in a ``state`` or one of GROUPS; None for all."""

    kind: str | None = None
    state: str | None = None

    def __post_init__(self) -> None:
        """Refuse a state that no job can have; a kind may be one of former days."""
        if self.state is not None and self.state not in (*STATES, *GROUPS):
            known = ", ".join((*STATES, *GROUPS))
            raise AskedError(f"{self.state!r} is not a state: use one of {known}")

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are asked for."""
        return STATES if self.state is None else GROUPS.get(self.state, (self.state,))


def shape(job: Job) -> dict[str, Any]:
    """Return a job as JSON shows it."""
    return {
        "id": str(job.id),
        "kind": job.kind,
        "params": job.params,
        "state": job.state,
        "priority": job.priority,
        "progress": job.progress,
        "message": job.message,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "errors": job.errors,
        "result": job.result if job.state in FINISHED else None,
        "created_at": utc(job.created_at),
        "run_at": utc(job.run_at),
        "started_at": utc(job.started_at),
        "finished_at": utc(job.finished_at),
        "cancel_requested_at": utc(job.cancel_requested_at),
        "waits_for": job.waits_for and str(job.waits_for),
        "submitted_by": job.submitted_by,
        "request_id": job.request_id,
    }


def kind_shape(kind: Kind, pause: PausedKind | None) -> dict[str, Any]:
    """Return a kind, and whether it is paused, as JSON shows it."""
    return {
        "kind": kind.name,
        "title": kind.title,
        "queue": kind.queue,
        "params": kind.params.model_json_schema(),
        "time_limit_seconds": kind.time_limit.total_seconds(),
        "max_attempts": kind.max_attempts,
        "paused": pause is not None,
        "paused_at": utc(pause.paused_at) if pause else None,
        "paused_by": pause.paused_by if pause else None,
    }


def schedule_shape(state: ScheduleState) -> dict[str, Any]:
    """Return a schedule as JSON shows it."""
    return {
        "name": state.name,
        "kind": state.kind,
        "cron": state.cron,
        "zone": state.zone,
        "due_at": utc(state.due_at),
        "last_at": utc(state.last_at),
        "last_job": state.last_job and str(state.last_job),
    }


def utc(time: datetime | None) -> str | None:
    """Return a time as JSON shows it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def get(session: Session, id: UUID) -> Job | None:
    """Return one job, or None."""
    return session.get(Job, id, populate_existing=True)


def find(session: Session, text: str) -> Job:
    """Return the job whose id is a text or begins with it, with four digits at least.

    Raises AskedError for what begins no id or those of several jobs, and NotFoundError.
    """
    digits = text.lower().replace("-", "")
    if not BEGINNING.fullmatch(digits):
        raise AskedError(f"{text!r} is not the id of a job, nor the first digits of one")
    least, most = (UUID(digits.ljust(32, each)) for each in "0f")
    found = session.scalars(select(Job).where(Job.id.between(least, most)).limit(2)).all()
    if not found:
        raise NotFoundError(text)
    if len(found) > 1:
        raise AskedError(f"several jobs' ids begin with {text}: give more digits")
    return found[0]


def latest(
    session: Session,
    wanted: Filter = Filter(),
    *,
    limit: int = 50,
    before: tuple[datetime, UUID] | None = None,
) -> Sequence[Job]:
    """Return the newest jobs, newest first; ``before`` is the last row of the page before."""
    statement = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(min(limit, MOST))
    if wanted.kind is not None:
        statement = statement.where(Job.kind == wanted.kind)
    if wanted.state is not None:
        statement = statement.where(Job.state.in_(wanted.states))
    if before is not None:
        statement = statement.where(tuple_(Job.created_at, Job.id) < before)
    return session.scalars(statement).all()


def line(session: Session, kind: str | None = None, *, limit: int = 50) -> Sequence[Job]:
    """Return the queued jobs, of a kind or of all, that are to start first."""
    statement = select(Job).where(Job.state == "queued").order_by(Job.priority, Job.run_at, Job.id)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    return session.scalars(statement.limit(min(limit, MOST))).all()


def counts(session: Session, window: timedelta = timedelta(hours=24)) -> dict[str, int]:
    """Return how many jobs are queued and running, and how many ended in each way in a window.

    MOST_COUNTED means that many or more.
    """

    def count(state: str):
        rows = select(Job.state).where(Job.state == state)
        if state in FINISHED:
            rows = rows.where(Job.finished_at > func.now() - window)
        counted = rows.limit(MOST_COUNTED).subquery()
        return select(literal(state), func.count()).select_from(counted)

    return dict(session.execute(union_all(*map(count, STATES))).all())


def now(session: Session) -> datetime:
    """Return the database's time, by which a job's age is reckoned."""
    return session.scalar(select(func.now()))


def reasons(session: Session, jobs: Sequence[Job]) -> dict[UUID, str]:
    """Return why each queued job of a list has not started, in a few words."""
    queued = [job for job in jobs if job.state == "queued"]
    if not queued:
        return {}
    moment = now(session)
    paused = {each.kind: each for each in session.scalars(select(PausedKind))}
    wanted = {job.waits_for for job in queued if job.waits_for}
    first = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(wanted)))}
    names = {job.kind for job in queued if job.kind in KINDS and KINDS[job.kind].exclusive}
    running = select(Job.kind).where(Job.state == "running", Job.kind.in_(names)).distinct()
    busy = set(session.scalars(running))

    def reason(job: Job) -> str:
        other = first.get(job.waits_for)
        if job.kind not in KINDS:
            return "this version of the software does not know its kind"
        if pause := paused.get(job.kind):
            by = f" by {pause.paused_by}" if pause.paused_by else ""
            return f"its kind is paused since {words.clock(pause.paused_at, moment)}{by}"
        if other and other.state != "succeeded":
            return f"waits for job {words.short(other.id)}, {other.kind}, which is {other.state}"
        if job.run_at > moment:
            return f"not before {words.clock(job.run_at, moment)}"
        if job.kind in busy:
            return "another run of its kind is in progress"
        return "waits for a free worker" if job.sent_at else "is about to be sent to a worker"

    return {job.id: reason(job) for job in queued}
