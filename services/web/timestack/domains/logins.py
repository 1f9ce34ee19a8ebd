"""Open log-ins: a cookie holds a random token, the database its hash and when it ends.

A log-in that is stored here can be ended here: after logging out, a copy of the cookie is
worthless.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timestack.models.users import Login, User

AnyUser = TypeVar("AnyUser", bound=User)

# A working day, or a month for those who ask to be remembered.
LIFETIME = timedelta(hours=12)
REMEMBERED = timedelta(days=30)


def digest(token: str) -> bytes:
    """What is stored of a cookie's token; it is random, so a plain hash will do."""
    return hashlib.sha256(token.encode()).digest()


def begin(
    session: Session,
    user_id: int,
    *,
    remember: bool = False,
    ends_at: datetime | None = None,
) -> tuple[str, datetime]:
    """Open a log-in; returns the cookie's token and when it ends (UTC).

    ``ends_at`` is when the platform's own log-in ends: this one ends then at the latest. Deletes
    all users' expired log-ins as well.
    """
    session.execute(delete(Login).where(Login.expires_at < func.now()))
    token = secrets.token_urlsafe(32)
    end = datetime.now(UTC) + (REMEMBERED if remember else LIFETIME)
    end = min(end, ends_at) if ends_at else end
    session.add(Login(digest=digest(token), user_id=user_id, expires_at=end))
    return token, end


def user_of(
    session: Session, token: str, uniquifier: str, entity: type[AnyUser] = User
) -> AnyUser | None:
    """The active user of an open log-in, roles loaded; None when it has expired or was ended.

    ``entity`` is the class the row is wanted as, User or one derived from it.
    """
    return session.scalar(
        select(entity)
        .join(Login, Login.user_id == User.id)
        .where(
            Login.digest == digest(token),
            Login.expires_at > func.now(),
            User.fs_uniquifier == uniquifier,
            User.active,
        )
    )


def close(session: Session, token: str) -> None:
    """End one log-in; does nothing when it has ended already."""
    session.execute(delete(Login).where(Login.digest == digest(token)))
