"""What the stack was like, an hour at a time."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Mapped

from timestack.models.base import Base


class Sample(Base):
    """The stack at a ``time`` (UTC); GB and MB are decimal, and what was not known is None."""

    __tablename__ = "operations"
    __mapper_args__: ClassVar = {"primary_key": ["time"]}

    time: Mapped[datetime]
    database_gb: Mapped[float | None]
    disk_free_gb: Mapped[float | None]
    disk_free_percent: Mapped[float | None]
    redis_mb: Mapped[float | None]
    waiting_jobs: Mapped[float | None]
