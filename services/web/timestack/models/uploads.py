"""Files on their way here, in parts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base
from timestack.models.users import User


class Upload(Base):
    """One file of ``size`` bytes, the first ``received`` of which are in UPLOADS_DIR under its id.

    ``sha256`` is what its sender says of the whole, in hexadecimal digits. It was touched when it
    was begun and with each part. Ends with its user.
    """

    __tablename__ = "uploads"
    __table_args__ = (CheckConstraint("received between 0 and size", name="received"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sha256: Mapped[str | None]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    touched_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user: Mapped[User] = relationship(lazy="raise")

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return self.received == self.size
