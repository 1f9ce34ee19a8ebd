"""``@job``: turns a function into the task that does the work of a kind of job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.jobs import dispatch, kinds, line, steps
from timestack.progress import Progress
from timestack.queue import app

log = logging.getLogger(__name__)

Work = Callable[[Session, Progress, kinds.Params], dict | None]

# Seconds between two writes of a job's progress: it is not read more often.
PROGRESS_PERIOD = 1.0

_line = line.Line()


def job(name: str) -> Callable[[Work], Work]:
    """Register ``work(session, progress, params) -> dict`` as the task of a kind.

    The job's row is claimed, kept up to date and finished: what the work writes through ``session``
    is committed together with the job's end, or not at all. ``params`` is of the kind's model.
    ``progress`` raises when the job was cancelled, so call it between two steps of the work. Work
    that is started again, after its process died, must not do twice what it did elsewhere. Its
    queries end at the kind's limit: a signal, which is how Celery asks a task to stop, does not
    reach one that waits for the database.

    Raises UnknownKindError for a kind that is not declared.
    """
    kind = kinds.find(name)

    def register(work: Work) -> Work:
        @app.task(name=name, bind=True)
        def run(task: Task, job_id: str) -> dict | None:
            held = False
            try:
                with _line.free():
                    held = not kind.exclusive or _line.lock(f"kind:{name}")
                    if not held:
                        log.info("%s: another run is in progress; job %s waits", name, job_id)
                        return None
                    return _run(work, kind, UUID(job_id), task.request.id)
            finally:
                # Only now is the lock free for the job that waited for it.
                if kind.exclusive and held:
                    with db.session() as session:
                        dispatch.wake(session, name)

        return work

    return register


def _run(work: Work, kind: kinds.Kind, id: UUID, task_id: str | None) -> dict | None:
    claimed = _line.take(id, task_id, kind.time_limit)
    if claimed is None:
        log.info("job %s: nothing to start, it has ended, waits or another worker has it", id)
        return None
    try:
        with _line.session() as session:
            result = work(session, _recorder(id), _params(kind, claimed.params))
            # With what the work wrote: it has happened if and only if the job has succeeded.
            if steps.succeed(session, id, result, claimed.attempt):
                session.commit()
                if not kind.exclusive:
                    _line.done(id)
                return result
        log.warning("job %s: its connection was lost meanwhile, another attempt counts", id)
        return None
    except steps.CancelledError:
        with db.session() as other:
            steps.cancelled(other, id, "cancelled while it ran")
        log.info("job %s: cancelled", id)
        return None
    except Exception as error:
        # With its connection gone the job is dead like its worker: the sweeper starts it again.
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            again = not isinstance(error, steps.PermanentError)
            after = error.after if isinstance(error, steps.LaterError) else timedelta(0)
            with db.session() as other:
                steps.fail(
                    other,
                    id,
                    _reason(error),
                    again=again,
                    after=after,
                    attempt=claimed.attempt,
                )
        raise


def _params(kind: kinds.Kind, params: dict) -> kinds.Params:
    try:
        return kind.params.model_validate(params)
    except ValidationError:
        raise steps.PermanentError(
            "its parameters are those of another version of this software: submit it again"
        ) from None


def _recorder(id: UUID) -> Progress:
    """Return a callable that writes progress in a transaction of its own, seen at once."""
    written = -PROGRESS_PERIOD

    def record(fraction: float, message: str) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written >= PROGRESS_PERIOD:
            written = now
            with db.session() as session:
                steps.progress(session, id, fraction, message)

    return record


def _reason(error: Exception) -> str:
    """Return what the job's owner may read: the first line, without statement or traceback."""
    if isinstance(error, SoftTimeLimitExceeded):
        return "it took longer than its time limit"
    if isinstance(error, steps.PermanentError | steps.LaterError):
        return str(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    first = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {first}" if first else type(cause).__name__
