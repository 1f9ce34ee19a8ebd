"""The jobs that are made by the clock: a row for each schedule says when its next job is due.

A job is made in the transaction that moves the due time on, so that each due time has one job,
however many beats there are. Times that were missed, because nothing ran, are made up for by one
job. Expressions are those of cron, read by ``cronsim`` in the schedule's time zone: a daily job
of the hour that daylight saving leaves out runs when that is over; of the one that comes twice,
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timestack.domains.jobs.kinds import find
from timestack.domains.jobs.requests import add
from timestack.models.jobs import ScheduleState
from timestack.settings import Settings

BY = "schedule"


@dataclass(frozen=True)
class Schedule:
    """Jobs of a ``kind`` whenever ``cron`` (minute hour day month weekday) says so in ``zone``."""

    name: str
    kind: str
    cron: str
    zone: str = "UTC"
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could not run: an unknown kind or zone, or a wrong expression."""
        find(self.kind)
        self.next_after(datetime.now(UTC))

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time after ``moment``, in UTC."""
        return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone)))).astimezone(UTC)


def declared(settings: Settings) -> list[Schedule]:
    """Return what the clock starts in this installation."""
    schedules = [
        Schedule("refresh the rollups", "rollups.refresh", "*/5 * * * *"),
        Schedule("look at the alert rules", "alerts.evaluate", "* * * * *"),
        Schedule("drain the queue of files", "files.drain", "*/15 * * * *"),
        Schedule("look at the certificates", "certificates.check", "0 6 * * *"),
        Schedule("note sizes and free space", "operations.sample", "0 * * * *"),
        Schedule("take a full backup", "backups.take", "0 1 * * 0", params={"type": "full"}),
        Schedule("take a backup", "backups.take", "0 1 * * 1-6", params={"type": "diff"}),
        Schedule("verify the backups", "backups.verify", "0 4 * * 3"),
        Schedule("look at the backups", "backups.watch", "2-59/10 * * * *"),
        Schedule("delete old jobs", "jobs.prune", "30 3 * * *"),
    ]
    if settings.platform_ingest:
        hour, minute = map(int, settings.platform_ingest_at.split(":"))
        cron, zone = f"{minute} {hour} * * *", settings.platform_ingest_zone
        schedules.append(Schedule("take in the usage", "usage.ingest", cron, zone))
    if settings.watches_manifest:
        schedules.append(Schedule("look for a new manifest", "manifest.refresh", "*/5 * * * *"))
    return schedules


def settle(session: Session, schedules: Sequence[Schedule]) -> None:
    """Bring the rows to what is declared: new ones, changed times, and none for what is gone."""
    now = session.scalar(select(func.now()))
    names = [each.name for each in schedules]
    session.execute(delete(ScheduleState).where(ScheduleState.name.not_in(names)))
    for each in schedules:
        row = session.get(ScheduleState, each.name, with_for_update=True)
        if row is None:
            row = ScheduleState(name=each.name)
            session.add(row)
        row.kind = each.kind
        if (row.cron, row.zone) != (each.cron, each.zone):
            row.cron, row.zone, row.due_at = each.cron, each.zone, each.next_after(now)


def start_due(session: Session, schedules: Sequence[Schedule]) -> list[str]:
    """Make the jobs that are due and move their times on; return the names of the schedules."""
    by_name = {each.name: each for each in schedules}
    rows = session.scalars(
        select(ScheduleState)
        .where(ScheduleState.due_at <= func.now(), ScheduleState.name.in_(by_name))
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return []
    now = session.scalar(select(func.now()))
    for row in rows:
        schedule = by_name[row.name]
        job = add(session, schedule.kind, schedule.params, submitted_by=BY)
        row.last_at, row.last_job = row.due_at, job.id
        row.due_at = schedule.next_after(now)
    return [row.name for row in rows]


def states(session: Session) -> Sequence[ScheduleState]:
    """Return when each schedule is due and last was, the next one first."""
    return session.scalars(select(ScheduleState).order_by(ScheduleState.due_at)).all()
