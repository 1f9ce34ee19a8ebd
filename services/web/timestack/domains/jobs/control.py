"""What people do with jobs: cancel, retry, pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack.domains.jobs import kinds, steps
from timestack.models.jobs import Job, PausedKind


class NotFoundError(LookupError):
    """There is no job with the id, or with one that begins so."""

    def __init__(self, id: UUID | str):
        super().__init__(f"there is no job {id}: it may have been deleted since it ended")


class StateError(ValueError):
    """The job is in a state where this cannot be done."""


def cancel(session: Session, id: UUID) -> Job:
    """Cancel a job: a queued one at once, a running one at its next progress call; return its row.

    A running job that goes on for more than ``dispatch.GRACE`` has its process killed by the
    sweeper. To cancel one twice is harmless.

    Raises NotFoundError, and StateError when it has ended otherwise.
    """
    job = _locked(session, id)
    if job.state == "queued":
        steps.cancelled(session, id, "cancelled before it started")
    elif job.state == "running":
        session.execute(
            update(Job)
            .where(Job.id == id)
            .values(cancel_requested_at=func.coalesce(Job.cancel_requested_at, func.now()))
        )
    elif job.state != "cancelled":
        raise StateError(f"job {id} has {job.state}: only a queued or running one can be cancelled")
    return _fresh(session, id)


def retry(session: Session, id: UUID) -> Job:
    """Queue a failed or cancelled job again, with all attempts of its kind; return its row.

    Raises NotFoundError, StateError when it is in another state or an equal one took its place,
    and UnknownKindError when its kind is gone.
    """
    job = _locked(session, id)
    kind = kinds.find(job.kind)
    if job.state not in ("failed", "cancelled"):
        raise StateError(f"job {id} is {job.state}: only a failed or cancelled one can be retried")
    key = kinds.unique_key(kind, job.params) if kind.unique == kinds.UNFINISHED else job.unique_key
    # Without a key it takes nobody's place.
    equal = select(Job.id).where(Job.unique_key == key, Job.id != id)
    if key is not None and (other := session.scalar(equal)):
        raise StateError(f"job {other}, with the same parameters, has taken the place of {id}")
    session.execute(
        update(Job)
        .where(Job.id == id)
        .values(
            state="queued",
            unique_key=key,
            progress=0,
            message="",
            max_attempts=job.attempts + kind.max_attempts,
            run_at=func.now(),
            sent_at=None,
            started_at=None,
            finished_at=None,
            cancel_requested_at=None,
            waits_for=None,
        )
    )
    return _fresh(session, id)


def pause(session: Session, kind: str, *, by: str = "") -> None:
    """Start no more jobs of a kind; those that run go on. Raises UnknownKindError."""
    kinds.find(kind)
    session.execute(insert(PausedKind).values(kind=kind, paused_by=by).on_conflict_do_nothing())


def resume(session: Session, kind: str) -> None:
    """Start jobs of a kind again, those first that waited. Raises UnknownKindError."""
    kinds.find(kind)
    if session.execute(delete(PausedKind).where(PausedKind.kind == kind)).rowcount:
        # Their messages came while the kind was paused, and are gone.
        session.execute(
            update(Job).where(Job.kind == kind, Job.state == "queued").values(sent_at=None)
        )


def paused(session: Session) -> Sequence[PausedKind]:
    """Return the kinds that are paused, by name."""
    return session.scalars(select(PausedKind).order_by(PausedKind.kind)).all()


def _locked(session: Session, id: UUID) -> Job:
    job = session.get(Job, id, populate_existing=True, with_for_update=True)
    if job is None:
        raise NotFoundError(id)
    return job


def _fresh(session: Session, id: UUID) -> Job:
    return session.get_one(Job, id, populate_existing=True)
