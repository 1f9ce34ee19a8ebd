"""Datasets: hypertables made of uploaded files."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base
from timestack.models.users import User

VISIBILITIES = ("mine", "everybody")
STATES = ("preparing", "loading", "ready", "deleting")


class Dataset(Base):
    """One dataset, whose table is ``datasets.d<id>``; no two names differ in capitals alone.

    ``declared`` is what hypertables.yaml says of other tables, ``layout`` how the file ``source``
    is read and what its columns are (``domains.uploads.layout``). ``job_id`` is the last of the
    jobs that lead to the next state. ``message`` is what its owner should know of the load. An
    ``owner_id`` of None: of nobody but the administrators.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint(f"visibility in {VISIBILITIES}", name="visibility"),
        CheckConstraint(f"state in {STATES}", name="state"),
        Index("datasets_name_lower_key", func.lower("name"), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    visibility: Mapped[str]
    declared: Mapped[dict[str, Any]] = mapped_column(JSONB)
    layout: Mapped[dict[str, Any]] = mapped_column(JSONB)
    source: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="preparing")
    # Rows of ended jobs go after some time.
    job_id: Mapped[uuid.UUID | None]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    loaded_at: Mapped[datetime | None]
    owner: Mapped[User | None] = relationship(lazy="raise")
