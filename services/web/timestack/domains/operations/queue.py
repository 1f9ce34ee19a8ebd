"""Jobs that wait or failed, and schedules that are late."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from timestack.domains.jobs import listing
from timestack.domains.operations import words
from timestack.domains.operations.budget import EACH, Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import FAILURES, SCHEDULE, WAITING
from timestack.models.jobs import Job, PausedKind, ScheduleState

NAME = "queue"
JOBS = "/dash/jobs"


class Due(NamedTuple):
    """How many jobs could start, and for how many seconds the first of them could."""

    count: int
    seconds: float | None


def due(budget: Budget, longest: float = EACH) -> Due:
    """Return the queued jobs that wait for a worker alone, MOST_COUNTED at most."""
    first = aliased(Job)
    paused = select(PausedKind.kind).where(PausedKind.kind == Job.kind)
    succeeded = select(first.id).where(first.id == Job.waits_for, first.state == "succeeded")
    found = (
        select(Job.run_at)
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
    waited = func.extract("epoch", func.now() - func.min(found.c.run_at))
    with budget.step(longest) as session:
        count, seconds = session.execute(select(func.count(), waited).select_from(found)).one()
    return Due(count, None if seconds is None else float(seconds))


def read(budget: Budget) -> Part:
    """Return how jobs are."""
    waiting = due(budget)
    with budget.step() as session:
        failed = listing.counts(session)["failed"]
    with budget.step() as session:
        late, name = _latest(session)
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


def _latest(session) -> tuple[float, str]:
    """By how many seconds the latest schedule is late, and its name."""
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
