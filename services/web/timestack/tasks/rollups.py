"""Rollups kept up to date: every five minutes, on demand, and soon after what comes over HTTP."""

from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.jobs.kinds import Params
from timestack.ingest import follow
from timestack.progress import Progress
from timestack.queue import app
from timestack.series import rollups, uploaded
from timestack.tasks.job import job


@job("rollups.refresh")
def refresh(session: Session, progress: Progress, params: Params) -> dict:
    """Fold what was written, corrected or deleted since the last run into every rollup."""
    return rollups.refresh_all(session, progress=progress)


@app.task(name=follow.TASK, bind=True, max_retries=5)
def follow_up(task, table: str) -> None:
    """Fold what was written into the rollups of one table.

    While another refresh is at it, this one waits for its turn in the queue, not in a worker.
    """
    try:
        with db.session() as session:
            session.execute(text("set local lock_timeout = '1s'"))
            rollups.refresh(session, table, uploaded.find(session, table).hypertables[table])
    except DBAPIError as error:
        if not isinstance(error.orig, errors.LockNotAvailable):
            raise
        raise task.retry(countdown=follow.WHILE * 2**task.request.retries) from None
