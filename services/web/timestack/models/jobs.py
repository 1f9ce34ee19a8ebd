"""Background jobs: the row is the truth, the message only wakes a worker."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

STATES = ("queued", "running", "succeeded", "failed")


class Job(Base):
    """One accepted job; ``progress`` runs from 0 to 1, times are in UTC.

    ``attempts`` is how often a worker has started it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="state"),
        CheckConstraint("progress between 0 and 1", name="progress"),
        # The sweeper looks for unfinished jobs among many finished ones.
        Index(
            "jobs_unfinished_idx",
            "created_at",
            postgresql_where="state in ('queued', 'running')",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[float] = mapped_column(server_default="0")
    message: Mapped[str] = mapped_column(server_default="")
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    attempts: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    request_id: Mapped[str | None]
