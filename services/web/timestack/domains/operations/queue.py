"""Jobs that wait or failed, and schedules that are late."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, func, select
from sqlalchemy.orm import Session, aliased

from timestack.domains.jobs import listing
from timestack.domains.operations import words
from timestack.domains.operations.budget import EACH, Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import FAILURES, SCHEDULE, WAITING
from timestack.models.jobs import UNFINISHED, Job, PausedKind, ScheduleState

NAME = "queue"
JOBS = "/dash/jobs"


class Due(NamedTuple):
    """How many jobs could start, and for how many seconds the first of them could."""

    count: int
    seconds: float | None


def due(budget: Budget, longest: float = EACH) -> Due:
    """Return the queued jobs that wait for a worker alone, MOST_COUNTED at most."""
    found = _due()
    with budget.step(longest) as session:
        count, seconds = session.execute(
            select(func.count(), _waited(found)).select_from(found)
        ).one()
    return Due(count, None if seconds is None else float(seconds))


def due_by_kind(budget: Budget) -> list[tuple[str, int, float]]:
    """Return the same of each kind that has some: its name, how many, for how many seconds."""
    found = _due()
    asked = select(found.c.kind, func.count(), _waited(found)).group_by(found.c.kind)
    with budget.step() as session:
        rows = session.execute(asked).all()
    return [(kind, count, float(seconds)) for kind, count, seconds in rows]


def by_kind() -> Select:
    """Return kind, state and number of jobs: those unfinished, and failed in the last day."""
    failed = (Job.state == "failed") & (Job.finished_at > func.now() - timedelta(days=1))
    return (
        select(Job.kind, Job.state, func.count())
        .where(Job.state.in_(UNFINISHED) | failed)
        .group_by(Job.kind, Job.state)
    )


def _due() -> Subquery:
    first = aliased(Job)
    paused = select(PausedKind.kind).where(PausedKind.kind == Job.kind)
    succeeded = select(first.id).where(first.id == Job.waits_for, first.state == "succeeded")
    return (
        select(Job.kind, Job.run_at)
        .where(
            Job.state == "queued",
            Job.run_at <= func.now(),
            ~paused.exists(),
            Job.waits_for.is_(None) | succeeded.exists(),
        )
        .order_by(Job.run_at)
        .limit(listing.MOST_COUNTED)
        .subquery()
    )


def _waited(found: Subquery) -> ColumnElement[float]:
    return func.extract("epoch", func.now() - func.min(found.c.run_at))


def read(budget: Budget) -> Part:
    """Return how jobs are."""
    waiting = due(budget)
    with budget.step() as session:
        failed = listing.counts(session)["failed"]
    with budget.step() as session:
        late, name = latest(session)
    return Part(NAME, [_depth(waiting), _oldest(waiting), _failed(failed), _late(late, name)])


def _counted(count: int) -> str:
    if not count:
        return "none"
    return f"{words.number(count)}{'+' if count >= listing.MOST_COUNTED else ''}"


def _depth(waiting: Due) -> Check:
    return Check("Waiting jobs", _counted(waiting.count), link=f"{JOBS}?state=queued")


def _oldest(waiting: Due) -> Check:
    seconds = waiting.seconds or 0.0
    return Check(
        "Oldest waiting job",
        "none waits" if waiting.seconds is None else f"for {words.about(seconds)}",
        WAITING.state(seconds),
        str(WAITING),
        "Its worker is dead or busy:",
        "make ps",
        f"{JOBS}?state=queued",
    )


def _failed(count: int) -> Check:
    return Check(
        "Failed in the last day",
        _counted(count),
        FAILURES.state(count),
        str(FAILURES),
        "Each says why, and can be tried again.",
        link=f"{JOBS}?state=failed",
    )


def latest(session: Session) -> tuple[float, str]:
    """Return by how many seconds the latest schedule is late, and its name."""
    late = func.extract("epoch", func.now() - ScheduleState.due_at)
    row = session.execute(
        select(late, ScheduleState.name).order_by(ScheduleState.due_at).limit(1)
    ).one_or_none()
    return (max(float(row[0]), 0.0), row[1]) if row else (0.0, "")


def _late(seconds: float, name: str) -> Check:
    state = SCHEDULE.state(seconds)
    return Check(
        "Schedules",
        "on time" if state == "good" else f"{name} is {words.about(seconds)} late",
        state,
        str(SCHEDULE),
        "Beat, the clock, does not run:",
        "make ps",
        JOBS,
    )
