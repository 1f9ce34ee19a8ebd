"""Rows of jobs that ended long ago are deleted."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, aliased

from timestack.models.jobs import FINISHED, UNFINISHED, Job, Probe
from timestack.progress import Progress, unwatched

# Rows of one DELETE: the locks of a long one would keep others waiting.
BATCH = 5000


def prune(session: Session, keep: timedelta, progress: Progress = unwatched) -> dict[str, int]:
    """Delete jobs that ended before ``keep`` ago, in transactions of BATCH rows.

    One that an unfinished job waits for stays. Returns ``{"jobs": rows, "probes": rows}``.
    """
    waiting = aliased(Job)
    waited_for = select(waiting.id).where(
        waiting.waits_for == Job.id, waiting.state.in_(UNFINISHED)
    )
    old = (
        select(Job.id)
        .where(Job.state.in_(FINISHED), Job.finished_at < func.now() - keep, ~waited_for.exists())
        .limit(BATCH)
    )
    gone = 0
    while rows := session.execute(delete(Job).where(Job.id.in_(old.scalar_subquery()))).rowcount:
        session.commit()
        gone += rows
        progress(0.5, f"{gone} old jobs deleted")
    probes = session.execute(delete(Probe).where(Probe.at < func.now() - keep)).rowcount
    session.commit()
    return {"jobs": gone, "probes": probes}
