"""Drills: backups that were restored beside the stack, and what the copy was like."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, CheckConstraint, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

Outcome = Literal["same", "different", "failed"]
OUTCOMES = ("same", "different", "failed")


class Drill(Base):
    """One drill, begun at ``began_at`` and over after ``seconds``, of the backup of this label.

    ``tables`` with ``rows`` in all were compared. ``rpo_seconds`` is how old the newest point was
    that could be restored when it began, ``rto_seconds`` the time from the begin of the restore
    until the copy answered; None where it did not come so far. ``faults`` are sentences: what is
    different in the copy, or why the drill failed.
    """

    __tablename__ = "drills"
    __table_args__ = (CheckConstraint(f"outcome in {OUTCOMES}", name="outcome"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    began_at: Mapped[datetime] = mapped_column(index=True)
    outcome: Mapped[Outcome] = mapped_column(Text)
    backup: Mapped[str]
    tables: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float]
    rpo_seconds: Mapped[float | None]
    rto_seconds: Mapped[float | None]
    faults: Mapped[list[str]] = mapped_column(JSONB)
