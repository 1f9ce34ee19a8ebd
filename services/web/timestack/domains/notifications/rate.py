"""How many messages go out by a channel: MOST within a WINDOW, and a summary of the others."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timestack.domains import jobs
from timestack.domains.jobs import kinds, steps
from timestack.domains.jobs.notices import BY
from timestack.models.jobs import Job
from timestack.models.notifications import HeldNotification

WINDOW = timedelta(minutes=10)
MOST = 6
# How many subjects a summary names for each event.
NAMED = 4


def pass_on(session: Session, channel: str, message: kinds.Notification) -> bool:
    """Have a message delivered by a channel, or hold it back for the summary.

    Returns whether it goes out. Its place is taken when it is handed over, not when it arrives, so
    that one that is tried again does not make others late.
    """
    _take_turn(session, channel)
    recent = session.scalars(
        select(Job.created_at)
        .where(
            Job.kind == "notify.deliver",
            Job.params["channel"].astext == channel,
            Job.created_at > func.now() - WINDOW,
        )
        .order_by(Job.created_at.desc())
        .limit(MOST)
    ).all()
    if len(recent) < MOST:
        _deliver(session, channel, **message.model_dump(exclude={"event"}))
        return True
    session.add(HeldNotification(channel=channel, event=message.event, subject=message.subject))
    # When the oldest of them leaves the window.
    free_at = recent[-1] + WINDOW
    jobs.add(session, "notify.summary", {"channel": channel}, run_at=free_at, submitted_by=BY)
    return False


def summarise(session: Session, channel: str) -> int:
    """Have one message delivered that counts those held back; return how many these were."""
    _take_turn(session, channel)
    gone = (
        delete(HeldNotification)
        .where(HeldNotification.channel == channel)
        .returning(HeldNotification.event, HeldNotification.subject, HeldNotification.at)
        .cte("gone")
    )
    number = func.count().label("number")
    found = session.execute(
        select(gone.c.event, gone.c.subject, number, func.min(gone.c.at).label("since"))
        .group_by(gone.c.event, gone.c.subject)
        .order_by(number.desc(), gone.c.subject)
    ).all()
    if not found:
        return 0
    total = sum(each.number for each in found)
    since = min(each.since for each in found).astimezone(UTC)
    events: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for each in found:
        events[each.event].append((each.subject, each.number))
    text = "\n".join(_line(event, subjects) for event, subjects in events.items())
    more = "1 more notification" if total == 1 else f"{total} more notifications"
    subject = f"{more} since {since:%H:%M} UTC"
    why = f"Held back, since there were more than {MOST} within {WINDOW.seconds // 60} min:"
    text = f"{why}\n{text}"[: kinds.LONGEST_TEXT]
    _deliver(session, channel, subject=subject, text=text, path="/dash/jobs")
    return total


def _line(event: str, subjects: list[tuple[str, int]]) -> str:
    """Return how many there were of an event, and of which subjects."""
    named = [f"{number} × {subject}" for subject, number in subjects[:NAMED]]
    rest = sum(number for _, number in subjects[NAMED:])
    others = [f"{rest} others"] if rest else []
    total = sum(number for _, number in subjects)
    return f"{total} {kinds.EVENTS.get(event, event)}: {', '.join(named + others)}"


def _deliver(session: Session, channel: str, **message: str) -> None:
    jobs.add(session, "notify.deliver", {"channel": channel, **message}, submitted_by=BY)


def _take_turn(session: Session, channel: str) -> None:
    """Wait for whoever counts the messages of a channel; until the transaction's end."""
    session.execute(select(func.pg_advisory_xact_lock(steps.key(f"notify:{channel}"))))
