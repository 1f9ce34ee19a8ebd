"""What pages, API and shell show of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from timestack.models.jobs import FINISHED, STATES, UNFINISHED, Job

MOST = 200


@dataclass(frozen=True)
class Filter:
    """Which jobs: of a ``kind``, in a ``state``; None for all."""

    kind: str | None = None
    state: str | None = None

    def __post_init__(self) -> None:
        """Refuse a state that no job can have; a kind may be one of former days."""
        if self.state is not None and self.state not in STATES:
            raise ValueError(f"{self.state!r} is not a state: use one of {', '.join(STATES)}")


def get(session: Session, id: UUID) -> Job | None:
    """Return one job, or None."""
    return session.get(Job, id, populate_existing=True)


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
        statement = statement.where(Job.state == wanted.state)
    if before is not None:
        statement = statement.where(tuple_(Job.created_at, Job.id) < before)
    return session.scalars(statement).all()


def counts(session: Session, window: timedelta = timedelta(hours=24)) -> dict[str, int]:
    """Return how many jobs are queued and running, and how many ended in each way in a window."""
    now = select(Job.state, func.count()).where(Job.state.in_(UNFINISHED)).group_by(Job.state)
    ended = (
        select(Job.state, func.count())
        .where(Job.state.in_(FINISHED), Job.finished_at > func.now() - window)
        .group_by(Job.state)
    )
    found = dict(session.execute(now.union_all(ended)).all())
    return {state: found.get(state, 0) for state in STATES}
