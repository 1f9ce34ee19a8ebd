"""Drills: what a restored copy of the database is like is written down, and told when bad."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.domains import notifications
from timestack.models.drills import Drill, Outcome

PATH = "/dash/operations"


class DrillReport(BaseModel):
    """What `make drill` found; the fields are those of ``models.Drill``."""

    model_config = ConfigDict(extra="forbid")

    began_at: AwareDatetime
    outcome: Outcome
    backup: str = ""
    tables: int = Field(0, ge=0)
    rows: int = Field(0, ge=0)
    seconds: float = Field(ge=0)
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    faults: list[str] = []


def record(session: Session, report: DrillReport) -> Drill:
    """Write a drill down, and tell people of one whose copy is not the same."""
    drill = Drill(**report.model_dump())
    session.add(drill)
    if drill.outcome != "same":
        subject = {
            "different": "A restored backup is not the same as the database",
            "failed": "The newest backup could not be restored in a drill",
        }[drill.outcome]
        notifications.add(session, "drill", subject, "\n".join(drill.faults), PATH)
    return drill


def last(session: Session) -> Drill | None:
    """Return the newest drill."""
    return session.scalar(select(Drill).order_by(Drill.began_at.desc()).limit(1))


def last_good(session: Session) -> datetime | None:
    """Return when the newest drill began whose copy was the same."""
    return session.scalar(
        select(Drill.began_at)
        .where(Drill.outcome == "same")
        .order_by(Drill.began_at.desc())
        .limit(1)
    )
