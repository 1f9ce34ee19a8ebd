"""Notifications that were held back, until a summary counts them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base


class HeldNotification(Base):
    """One message that a channel did not get; ``event`` is one of ``domains.jobs.kinds.EVENTS``."""

    __tablename__ = "held_notifications"
    __table_args__ = (Index("held_notifications_channel_idx", "channel"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    channel: Mapped[str]
    event: Mapped[str]
    subject: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
