"""``@job``: turns a function into a task that runs on a schedule and on demand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains import jobs
from timestack.progress import Progress, unwatched
from timestack.queue import app

log = logging.getLogger(__name__)

Work = Callable[[Session, Progress], dict]

# Seconds between two writes of a job's progress: it is not read more often.
PROGRESS_PERIOD = 1.0


def job(kind: str, *, exclusive: bool = True, **options) -> Callable[[Work], Work]:
    """Register ``work(session, progress) -> dict`` as the task of ``kind``.

    Called without a job id (by beat) the work is done and its result returned; with one, the
    job's row is claimed, kept up to date and finished. ``exclusive`` work never runs twice at
    once: a periodic run is skipped, a job stays queued and is woken when the other run ends.
    ``options`` are those of a Celery task. The work must be idempotent: it is started again
    when its worker dies.
    """

    def register(work: Work) -> Work:
        @app.task(name=kind, **options)
        def run(job_id: str | None = None) -> dict | None:
            held = False
            try:
                with _session() as session:
                    held = not exclusive or _lock(session, f"kind:{kind}")
                    if not held:
                        log.info("%s: another run is in progress; %s", kind, job_id or "skipped")
                        return None
                    return _run(work, session, UUID(job_id)) if job_id else work(session, unwatched)
            finally:
                # Only now is the lock free for the job that waited for it.
                if exclusive and held:
                    with db.session() as session:
                        jobs.wake(session, kind)

        return work

    return register


def _run(work: Work, session: Session, id: UUID) -> dict | None:
    if not _lock(session, str(id)) or not jobs.claim(session, id):
        session.commit()
        log.info("job %s: nothing to start, it is finished or another worker has it", id)
        return None
    session.commit()
    try:
        result = work(session, _recorder(id))
        session.commit()
    except Exception as error:
        # With its connection gone the job is dead like its worker: the sweeper starts it again.
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            with db.session() as other:
                jobs.fail(other, id, _reason(error))
        raise
    with db.session() as other:
        jobs.succeed(other, id, result)
    return result


@contextmanager
def _session() -> Iterator[Session]:
    """Give a session whose advisory locks live exactly as long as the connection that works."""
    with db.steady_session() as session:
        try:
            yield session
        finally:
            session.rollback()
            if not session.get_bind().invalidated:
                jobs.unlock(session)
                session.commit()


def _lock(session: Session, name: str) -> bool:
    taken = jobs.lock(session, name)
    # The lock outlives the transaction; ``work`` begins with none open.
    session.commit()
    return taken


def _recorder(id: UUID) -> Progress:
    """Return a callable that writes progress in a transaction of its own, seen at once."""
    written = -PROGRESS_PERIOD

    def record(fraction: float, message: str) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written >= PROGRESS_PERIOD:
            written = now
            with db.session() as session:
                jobs.progress(session, id, fraction, message)

    return record


def _reason(error: Exception) -> str:
    """Return what the job's owner may read: the first line, without statement or traceback."""
    if isinstance(error, SoftTimeLimitExceeded):
        return "it took longer than its time limit"
    cause = error.orig if isinstance(error, DBAPIError) else error
    first = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
