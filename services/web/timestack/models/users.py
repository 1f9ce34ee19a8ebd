"""Users, their roles, and their open log-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, LargeBinary, Table, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from timestack.models.base import Base

user_roles = Table(
    "user_roles",
    Base.metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("roles.id"), primary_key=True),
)


class Role(Base):
    """A role of users; the rows are made by a migration, see ``domains.users.ROLES``."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]


class User(Base):
    """A person. ``password`` is an Argon2id hash, or None for one that a platform confirms.

    ``account`` names whose rows of tables with row-level security the user sees; None: no rows.
    ``fs_uniquifier`` changes with the password and ends what was signed with the old one.
    """

    __tablename__ = "users"
    __table_args__ = (Index("users_email_lower_key", func.lower("email"), unique=True),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str]
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    must_change_password: Mapped[bool] = mapped_column(server_default="false")
    account: Mapped[str | None]
    last_login_at: Mapped[datetime | None]
    current_login_at: Mapped[datetime | None]
    last_login_ip: Mapped[str | None]
    current_login_ip: Mapped[str | None]
    login_count: Mapped[int] = mapped_column(server_default="0", default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    roles: Mapped[list[Role]] = relationship(secondary=user_roles, lazy="joined")


class Login(Base):
    """One open log-in of one browser, known by the SHA-256 of what its cookie holds.

    Where a platform confirmed it, ``expires_at`` is never later than the end that it gave.
    """

    __tablename__ = "logins"
    __table_args__ = (
        Index("logins_user_id_idx", "user_id"),
        Index("logins_expires_at_idx", "expires_at"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
