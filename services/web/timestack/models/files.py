"""Files found on hosts, and the queue of what is to be done with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

FILE_STATES = ("found", "parsed", "failed", "gone")
JOB_STATES = ("waiting", "running", "done", "failed")


class Origin:
    """Who and what a row belongs to: columns that files and their jobs share."""

    owner: Mapped[str]
    site: Mapped[str]
    host: Mapped[str]
    run_tag: Mapped[str] = mapped_column(server_default="")
    user_tag: Mapped[str] = mapped_column(server_default="")
    time_to_live: Mapped[timedelta | None]


class TrackedFile(Origin, Base):
    """A file on a host, known by its path there. Without a time to live it is kept for good."""

    __tablename__ = "tracked_files"
    __table_args__ = (
        CheckConstraint(f"state in {FILE_STATES}", name="state"),
        CheckConstraint("size >= 0", name="size"),
        Index("tracked_files_host_path_key", "host", "path", unique=True),
        Index("tracked_files_run_tag_idx", "run_tag"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    path: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime]
    sha256: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="found")
    message: Mapped[str] = mapped_column(server_default="")
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FileJob(Origin, Base):
    """One piece of work in the queue; it expires ``time_to_live`` after it was queued."""

    __tablename__ = "file_jobs"
    __table_args__ = (
        CheckConstraint(f"state in {JOB_STATES}", name="state"),
        Index("file_jobs_waiting_idx", "queued_at", postgresql_where="state = 'waiting'"),
        Index("file_jobs_file_id_idx", "file_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    file_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("tracked_files.id", ondelete="CASCADE")
    )
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    state: Mapped[str] = mapped_column(server_default="waiting")
    message: Mapped[str] = mapped_column(server_default="")
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
