"""People are told when a backup is missing, the archive fails or the repository is damaged.

Once a day while it lasts, and when it is over. What was told is in the jobs that told it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.domains import backups
from timestack.domains.backups import State
from timestack.domains.jobs import notices, requests
from timestack.domains.operations import backups as part
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check
from timestack.models.jobs import Job

EVENT = "backup"
AGAIN_AFTER = timedelta(days=1)
OVER = "backups are well again"
# Seconds that the checks may take; a job has time.
PATIENCE = 60.0


def watch(session: Session) -> dict:
    """Tell of what is to be acted on, and have a backup taken where none is that follows on.

    Returns the names of what is wrong, and the type of the backup that is asked for.
    """
    wrong = [each for each in part.read(Budget(session, PATIENCE)).checks if each.state == "act"]
    tell(session, wrong)
    wanted = missing(backups.state(session))
    if wanted:
        requests.add(session, "backups.take", {"type": wanted}, submitted_by="backups")
    return {"wrong": [each.name for each in wrong], "asked_for": wanted}


def missing(seen: State) -> str:
    """Return the type of a backup that is due whatever the clock says, empty where none is.

    The first one, and one after WAL was lost, from which everything can be restored again; once
    the archive takes WAL.
    """
    found, archiver = seen.found, seen.archiver
    fails = (archiver["failed_at"] or 0) > archiver["archived_at"]
    if not archiver["on"] or not found or found.get("error") or fails or seen.is_busy:
        return ""
    if not found["backups"]:
        return "full"
    kept = found["archive"]
    if not found["is_unbroken"] or (kept.get("archived") or "") > kept["newest"]:
        return "diff"
    return ""


def tell(session: Session, wrong: Sequence[Check]) -> None:
    """Tell of each that was not told of within a day; and once that nothing is wrong any more."""
    told = _told(session)
    for each in wrong:
        subject = f"backups: {each.name.lower()}"
        if subject not in told:
            command = f" {each.command}" if each.command else ""
            text = f"{each.name}: {each.value}. {each.advice}{command}"
            notices.add(session, EVENT, subject, text, "/dash/operations")
    if not wrong and _last(session) not in (None, OVER):
        notices.add(session, EVENT, OVER, "All is as it should be.", "/dash/operations")


def _of_ours():
    return (Job.kind == "notify.send") & (Job.params["event"].astext == EVENT)


def _told(session: Session) -> set[str]:
    """What was told in the last day, since all was well."""
    last = func.coalesce(
        select(func.max(Job.created_at))
        .where(_of_ours(), Job.params["subject"].astext == OVER)
        .scalar_subquery(),
        func.to_timestamp(0),
    )
    recent = Job.created_at > func.greatest(func.now() - AGAIN_AFTER, last)
    return set(session.scalars(select(Job.params["subject"].astext).where(_of_ours(), recent)))


def _last(session: Session) -> str | None:
    subject = Job.params["subject"].astext
    return session.scalar(
        select(subject).where(_of_ours()).order_by(Job.created_at.desc(), Job.id).limit(1)
    )
