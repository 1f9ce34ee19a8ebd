"""Background jobs: the row is the truth, the message only wakes a worker."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

UNFINISHED = ("queued", "running")
FINISHED = ("succeeded", "failed", "cancelled")
STATES = UNFINISHED + FINISHED

# 0 goes first.
LAST_PRIORITY = 9
USUAL_PRIORITY = 5


class Job(Base):
    """One accepted job; ``progress`` runs from 0 to 1, times are in UTC.

    It may start at ``run_at``, after the job that it ``waits_for`` has succeeded. ``attempts`` is
    how often a worker has started it, at most ``max_attempts``; ``errors`` holds why attempts
    failed, ``{"attempt", "at", "error"}`` each. ``sent_at`` is when its message was sent, None
    while it has none; ``task_id`` is Celery's id of the message that runs it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="state"),
        CheckConstraint("progress between 0 and 1", name="progress"),
        CheckConstraint(f"priority between 0 and {LAST_PRIORITY}", name="priority"),
        # The sweeper looks for unfinished jobs among many finished ones, and beat for those that
        # are due.
        Index("jobs_unfinished_idx", "created_at", postgresql_where=f"state in {UNFINISHED}"),
        Index(
            "jobs_unsent_idx",
            "priority",
            "run_at",
            postgresql_where="state = 'queued' and sent_at is null",
        ),
        # Unique jobs: one row for each key, as long as it is kept.
        Index(
            "jobs_unique_key_key",
            "unique_key",
            unique=True,
            postgresql_where="unique_key is not null",
        ),
        # The Jobs page: newest first, of all, of a kind, and those rare ones that did not succeed.
        Index("jobs_created_at_idx", "created_at"),
        Index("jobs_kind_idx", "kind", "created_at"),
        Index(
            "jobs_failed_idx",
            "state",
            "created_at",
            postgresql_where="state in ('failed', 'cancelled')",
        ),
        # Counts of the last day, and what is old enough to go.
        Index(
            "jobs_finished_at_idx", "state", "finished_at", postgresql_where=f"state in {FINISHED}"
        ),
        Index("jobs_waits_for_idx", "waits_for", postgresql_where="waits_for is not null"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=str(USUAL_PRIORITY))
    progress: Mapped[float] = mapped_column(server_default="0")
    message: Mapped[str] = mapped_column(server_default="")
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    unique_key: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    errors: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    run_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    waits_for: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    task_id: Mapped[str | None]
    submitted_by: Mapped[str] = mapped_column(server_default="")
    request_id: Mapped[str | None]


class PausedKind(Base):
    """A kind of which no job is started until its row here is gone."""

    __tablename__ = "paused_kinds"

    kind: Mapped[str] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime] = mapped_column(server_default=func.now())
    paused_by: Mapped[str] = mapped_column(server_default="")


class ScheduleState(Base):
    """A schedule: when its next job is due (UTC), and the last one that it made.

    ``warned_at`` is when people were last told that it is late.
    """

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    cron: Mapped[str]
    zone: Mapped[str]
    due_at: Mapped[datetime]
    last_at: Mapped[datetime | None]
    last_job: Mapped[uuid.UUID | None]
    warned_at: Mapped[datetime | None]


class Probe(Base):
    """The effect of one job of kind ``jobs.probe``; ``mark`` is what it was asked to write."""

    __tablename__ = "job_probes"
    __table_args__ = (Index("job_probes_at_idx", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    mark: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
