"""Files found on hosts, and the queue of what is to be done with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

FILE_STATES = ("found", "parsed", "failed", "gone")
# What a file is read as; of others nothing but their size and age is known.
FILE_TYPES = ("junit", "tap", "reportlog", "other")
# A job that is worked on is a locked row: what a killed worker began waits as it did before.
JOB_STATES = ("waiting", "done", "failed")


class Origin:
    """Who and what a row belongs to: columns that files and their jobs share."""

    owner: Mapped[str]
    site: Mapped[str]
    host: Mapped[str]
    run_tag: Mapped[str] = mapped_column(server_default="")
    user_tag: Mapped[str] = mapped_column(server_default="")
    time_to_live: Mapped[timedelta | None]


class TrackedFile(Origin, Base):
    """A file on a host, known by its path there.

    It expires ``time_to_live`` after it was modified; without one it is kept for good. ``path``,
    ``run_directory`` and ``name`` are written as domains/files/names.py does: file names are bytes.
    ``size`` is in bytes. ``message`` says why it is failed, or waits to be read.
    """

    __tablename__ = "tracked_files"
    __table_args__ = (
        CheckConstraint(f"state in {FILE_STATES}", name="state"),
        CheckConstraint(f"type in {FILE_TYPES}", name="type"),
        CheckConstraint("size >= 0", name="size"),
        Index("tracked_files_host_path_key", "host", "path", unique=True),
        Index("tracked_files_run_tag_idx", "run_tag"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    path: Mapped[str]
    run_directory: Mapped[str] = mapped_column(server_default="")
    name: Mapped[str] = mapped_column(server_default="")
    type: Mapped[str] = mapped_column(server_default="other")
    size: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime]
    sha256: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="found")
    message: Mapped[str] = mapped_column(server_default="")
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FileJob(Origin, Base):
    """One piece of work in the queue, done in order of ``priority``, the highest first.

    It expires ``time_to_live`` after it was queued. No two of a kind wait for one file.
    """

    __tablename__ = "file_jobs"
    __table_args__ = (
        CheckConstraint(f"state in {JOB_STATES}", name="state"),
        Index(
            "file_jobs_waiting_idx",
            text("priority desc"),
            "queued_at",
            postgresql_where="state = 'waiting'",
        ),
        Index(
            "file_jobs_waiting_key",
            "kind",
            "file_id",
            unique=True,
            postgresql_where="state = 'waiting'",
        ),
        Index("file_jobs_file_id_idx", "file_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    file_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("tracked_files.id", ondelete="CASCADE")
    )
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    priority: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="waiting")
    message: Mapped[str] = mapped_column(server_default="")
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
