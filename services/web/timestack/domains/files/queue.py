"""The queue of what follows from files: rows, done one by one in order of priority.

The scanner reads files where they are, since no worker sees the disks of other hosts; a row asks
for what can be worked out of the database alone. A row is claimed by locking it and is done in the
transaction that its effect is written in: whoever is killed leaves it waiting, and two that drain
at once share the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.files import known
from timestack.domains.results import statistics
from timestack.models.files import FileJob, TrackedFile
from timestack.progress import Progress, unwatched

log = logging.getLogger(__name__)

STATISTICS = "statistics"
# What each kind of row asks for, given the id of its file.
WORK: dict[str, Callable[[Session, int], None]] = {STATISTICS: statistics.of_file}
# How long a finished row without a time to live is kept.
KEPT = timedelta(days=30)


def add(session: Session, kind: str, file: TrackedFile, priority: int) -> bool:
    """Queue work on a file for its owner; False where the same waits already."""
    origin = ("owner", "site", "host", "run_tag", "user_tag", "time_to_live")
    statement = (
        insert(FileJob)
        .values(
            kind=kind,
            file_id=file.id,
            priority=priority,
            **{name: getattr(file, name) for name in origin},
        )
        .on_conflict_do_nothing(
            index_elements=[FileJob.kind, FileJob.file_id],
            index_where=FileJob.state == "waiting",
        )
    )
    return session.execute(statement).rowcount > 0


def drain(progress: Progress = unwatched) -> dict[str, int]:
    """Do what waits, the highest priority first and then the oldest; each row commits by itself.

    Rows and files past their time to live are dropped before that. Returns the counts ``done``,
    ``failed``, ``expired`` (rows that nobody will do) and ``forgotten`` (files).
    """
    with db.session() as session:
        expired = _drop_expired(session)
    with db.session() as session:
        past = TrackedFile.modified_at + TrackedFile.time_to_live < func.now()
        forgotten = known.forget(session, past)
    with db.session() as session:
        began = session.scalar(select(func.now()))
        waiting = select(func.count()).select_from(FileJob).where(FileJob.state == "waiting")
        total = session.scalar(waiting)
    counts = {"done": 0, "failed": 0, "expired": expired, "forgotten": forgotten}
    while (state := _do_next(began)) is not None:
        counts[state] += 1
        finished = counts["done"] + counts["failed"]
        progress(min(finished / max(total, 1), 1.0), f"{finished:,} of {total:,} done")
    return counts


def _drop_expired(session: Session) -> int:
    """Delete what is past its time to live; return how many rows of these had waited."""
    late = FileJob.queued_at + FileJob.time_to_live < func.now()
    expired = known.delete_rows(session, FileJob, late, FileJob.state == "waiting")
    old = FileJob.finished_at + func.coalesce(FileJob.time_to_live, KEPT) < func.now()
    known.delete_rows(session, FileJob, old, FileJob.state != "waiting")
    return expired


def _do_next(began: datetime) -> str | None:
    """Do one row that was there when the drain began; return its state, None without one."""
    with db.session() as session:
        job = session.scalar(
            select(FileJob)
            .where(FileJob.state == "waiting", FileJob.queued_at <= began)
            .order_by(FileJob.priority.desc(), FileJob.queued_at, FileJob.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if job is None:
            return None
        state, message = _do(session, job)
        session.execute(
            update(FileJob)
            .where(FileJob.id == job.id)
            .values(state=state, message=message, finished_at=func.now())
        )
        return state


def _do(session: Session, job: FileJob) -> tuple[str, str]:
    work = WORK.get(job.kind)
    if work is None or job.file_id is None:
        known_kinds = ", ".join(sorted(WORK))
        return "failed", f"there is no kind {job.kind!r} of work on a file: use {known_kinds}"
    try:
        with session.begin_nested():
            work(session, job.file_id)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        log.warning("queue row %s failed", job.id, exc_info=error)
        return "failed", str(error.orig).strip().partition("\n")[0]
    return "done", ""
