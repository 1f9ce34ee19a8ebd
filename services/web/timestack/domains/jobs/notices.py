"""Somebody is told of what happened: a notification is a job of its own.

It is added in the transaction of what it tells of, so that it is neither lost nor waited for. What
comes of it is in ``timestack.domains.notifications``.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.domains.jobs import requests
from timestack.domains.jobs.kinds import KINDS, LONGEST_SUBJECT, LONGEST_TEXT
from timestack.domains.jobs.schedules import BY as CLOCK
from timestack.logs import masked
from timestack.models.jobs import Job

BY = "notifications"
# What fails each five minutes is not told each five minutes.
AGAIN_AFTER = timedelta(hours=1)
# How much of a reason is told; all of it is in the job's row.
LONGEST_REASON = 500


def add(session: Session, event: str, subject: str, text: str = "", path: str = "") -> Job:
    """Tell people of one of ``kinds.EVENTS``, once the caller's transaction is committed.

    ``subject`` is one line; ``path`` is where to look, below this site's root. What is too long is
    cut, and what looks like a secret is taken out. Raises ParamsError for an unknown event.
    """
    message = {
        "event": event,
        "subject": _cut(" ".join(_plain(subject).split()), LONGEST_SUBJECT),
        "text": _cut(_plain(text).strip(), LONGEST_TEXT),
        "path": path,
    }
    return requests.add(session, "notify.send", message, submitted_by=BY)


def failed(session: Session, job: Job, reason: str) -> None:
    """Tell people that a job has failed for good; of a schedule's jobs, once an hour."""
    subject = f"{job.kind} failed"
    kind = KINDS.get(job.kind)
    if (kind and not kind.told) or (job.submitted_by == CLOCK and _was_told(session, subject)):
        return
    times = "once" if job.attempts == 1 else f"{job.attempts} times"
    first = _cut(reason.strip().partition("\n")[0], LONGEST_REASON)
    add(
        session,
        "failure",
        subject,
        f"Job {job.id} was tried {times} and is given up: {first}",
        f"/dash/jobs?job={job.id}",
    )


def _was_told(session: Session, subject: str) -> bool:
    told = select(Job.id).where(
        Job.kind == "notify.send",
        Job.created_at > func.now() - AGAIN_AFTER,
        Job.params["subject"].astext == subject,
    )
    return session.scalar(select(told.exists()))


def _plain(text: str) -> str:
    """Return text without secrets, and without characters that not every channel can carry."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in masked(text))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
