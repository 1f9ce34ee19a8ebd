"""Tokens, by which scripts ask in the name of a user."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base
from timestack.models.users import User


class Token(Base):
    """One token of a user, known by the SHA-256 of its text; ends with its user.

    ``role`` is one of ``domains.tokens.ROLES``. ``tables`` None: all that its user may use.
    ``expires_at`` None: it does not expire. The last use is written once a minute at most.
    """

    __tablename__ = "tokens"
    __table_args__ = (
        CheckConstraint("role in ('read', 'write', 'admin')", name="role"),
        Index("tokens_user_id_idx", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    role: Mapped[str]
    tables: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str | None]
    user: Mapped[User] = relationship(lazy="raise")
