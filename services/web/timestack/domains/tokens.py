"""Tokens: how a script asks in the name of a user, limited in what, where and for how long.

A text is PREFIX, 43 random letters and digits (256 bits, as 32 random bytes), and a checksum of
these, so that a scanner for leaked secrets knows one when it sees it, without asking. It is shown
when it is made; the database has its hash. A token may never do more than its user may, and works
only while its user may log in. A new password leaves tokens as they are.

Ref: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from unicodedata import category
from zlib import crc32

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session, joinedload

from timestack import db
from timestack.domains import users
from timestack.domains.keyset import Order, Part
from timestack.models.tokens import Token
from timestack.models.users import User
from timestack.series import catalog, uploaded

AnyUser = TypeVar("AnyUser", bound=User)

# A token's role -> that of a user who may as much; each may also do what those before it may.
ROLES = dict(zip(("read", "write", "admin"), users.ROLES, strict=True))
PREFIX = "tsk_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECK = 43, 6
TEXT = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM}}})([0-9A-Za-z]{{{CHECK}}})")
# What a token may, in words.
DOES = {"read": "read", "write": "read and write", "admin": "do what an administrator may"}
LONGEST_NAME = 200
# Controls, halves of characters, ends of lines.
UNSEEN = ("Cc", "Cs", "Zl", "Zp")
LONGEST_LIFE = timedelta(days=3650)
# Of one user that can be used, and that a page shows, with those that expired.
MOST, MOST_SHOWN = 100, 200
# The newest first.
ORDER = Order((Token.id,), descending=True)
# How exact the last use is: a request that reads must not be one that writes.
USE_NOTED = timedelta(minutes=1)
# For so long the answer to a token that has ended says when that was.
KEPT = timedelta(days=30)


class TokenError(ValueError):
    """A token cannot be made.

    ``field`` is what is wrong, of name, role, tables and expires_at; ``by`` where the token that
    asks may not, and empty when there are too many.
    """

    def __init__(self, field: str, text: str):
        super().__init__(text)
        self.field = field


class RefusedError(Exception):
    """A token is not good; the text, for whoever sent it, says why."""


def checksum(random: str) -> str:
    """The CRC-32 of the random part, in base 62."""
    number, digits = crc32(random.encode()), ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def new_text() -> str:
    """The text of a token that has never been."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return f"{PREFIX}{random}{checksum(random)}"


def is_text(text: str) -> bool:
    """Whether a text has the form of a token, checksum included."""
    match = TEXT.fullmatch(text)
    return match is not None and checksum(match[1]) == match[2]


def digest(text: str) -> bytes:
    """What is stored of a token; it is random, so a plain hash will do."""
    return hashlib.sha256(text.encode()).digest()


def require_form(text: str) -> None:
    """Raise RefusedError for what cannot be a token, without asking the database."""
    if not is_text(text):
        raise RefusedError(
            f"This token is not complete, or has a wrong character: it is {PREFIX} and"
            f" {RANDOM + CHECK} letters and digits."
        )


def find(session: Session, text: str, entity: type[AnyUser] = User) -> tuple[Token, AnyUser]:
    """The token of a text, and its user with the roles, as an ``entity``.

    Raises RefusedError. Every text costs the same one statement.
    """
    row = session.execute(
        select(Token, entity, func.now())
        .join(entity, entity.id == Token.user_id)
        .where(Token.digest == digest(text))
    ).unique().first()  # fmt: skip
    if row is None:
        raise RefusedError(
            "This token is not known here: it is another stack's, or ended long ago."
        )
    token, user, now = row
    if token.revoked_at:
        raise RefusedError(f"This token was revoked at {_clock(token.revoked_at)}.")
    if token.expires_at and token.expires_at <= now:
        raise RefusedError(f"This token expired at {_clock(token.expires_at)}: make another one.")
    if not user.active:
        raise RefusedError("The user of this token may not log in any more.")
    if user.must_change_password:
        raise RefusedError("The user of this token must choose a password first, in a browser.")
    return token, user


def note_use(token: Token, address: str) -> None:
    """Write down that a token is used now, from an address, unless that is less than USE_NOTED."""
    if token.last_used_at and datetime.now(UTC) - token.last_used_at < USE_NOTED:
        return
    stale = or_(Token.last_used_at.is_(None), Token.last_used_at < func.now() - USE_NOTED)
    try:
        with db.session() as session:
            session.execute(
                update(Token)
                .where(Token.id == token.id, stale)
                .values(last_used_at=func.now(), last_used_from=address)
            )
    except InternalError as error:
        # What it reads is answered all the same.
        if not db.is_read_only(error):
            raise


def refusal(token: Token, role: str) -> str | None:
    """Why a token may not do what needs a user's role, as a sentence; None when it may."""
    if users.ROLES.index(ROLES[token.role]) >= users.ROLES.index(role):
        return None
    needed = next(own for own, users_own in ROLES.items() if users_own == role)
    return f"This needs a token with the role {needed}, and this one may only {DOES[token.role]}."


def may(token: Token, table: str) -> bool:
    """Whether a token is for a table, and what is made of it."""
    return token.tables is None or table in token.tables


def make(
    session: Session,
    user: User,
    name: str,
    role: str,
    *,
    tables: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    by: Token | None = None,
    declared: catalog.Catalog | None = None,
) -> tuple[str, Token]:
    """Make a token of ``user``, ``by`` another one of theirs or not; returns its text as well.

    ``tables`` None is all. Raises TokenError.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or any(category(each) in UNSEEN for each in name):
        raise TokenError("name", f"Choose a name of 1 to {LONGEST_NAME} printable characters.")
    _require_role(user, role)
    if tables is not None:
        tables = _require_tables(session, tables, role, declared or catalog.current())
    _require_end(expires_at)
    if by is not None:
        _require_no_more(by, role, tables, expires_at)
    # One after the other for each user, so that the limit holds.
    session.scalar(select(User.id).where(User.id == user.id).with_for_update())
    if session.scalar(select(func.count()).where(Token.user_id == user.id, _open())) >= MOST:
        raise TokenError(
            "", f"{user.email} has {MOST} tokens already: revoke one that is not used."
        )
    text = new_text()
    token = Token(
        user_id=user.id,
        name=name,
        digest=digest(text),
        role=role,
        tables=tables,
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    return text, token


def _require_role(user: User, role: str) -> None:
    if role not in ROLES:
        raise TokenError("role", f"Choose one of {', '.join(ROLES)}.")
    if users.refusal(user, ROLES[role]):
        own = users.role_of(user)
        can = [each for each, needed in ROLES.items() if not users.refusal(user, needed)]
        allowed = f"can be {' or '.join(can)}" if can else "can be none"
        raise TokenError("role", f"{user.email} has the role {own}: a token of theirs {allowed}.")


def _require_tables(
    session: Session, tables: Sequence[str], role: str, declared: catalog.Catalog
) -> list[str]:
    known = sorted(declared.loadable())
    others = sorted({*tables} - {*known})
    # A token reads no more of a dataset than its user may see.
    unknown = [each for each in others if each not in uploaded.find(session, each).hypertables]
    if unknown:
        raise TokenError("tables", f"{unknown[0]!r} is not one of {', '.join(known)}.")
    if not tables:
        raise TokenError("tables", "Choose a table, or all of them.")
    if role == "admin":
        raise TokenError(
            "tables", "What only an administrator may do concerns no table: choose all."
        )
    return sorted({*tables})


def _require_end(expires_at: datetime | None) -> None:
    now = datetime.now(UTC)
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise TokenError(
            "expires_at", f"Choose a time from now to {LONGEST_LIFE.days} days ahead, or none."
        )


def _require_no_more(
    by: Token, role: str, tables: Sequence[str] | None, expires_at: datetime | None
) -> None:
    """Raise TokenError for what is beyond the token that asks."""
    fault = None
    if by.role == "read":
        fault = "may only read: it neither makes nor revokes others"
    elif list(ROLES).index(role) > list(ROLES).index(by.role):
        fault = f"may only {DOES[by.role]}"
    elif by.tables is not None and (tables is None or not {*tables} <= {*by.tables}):
        fault = f"is for {', '.join(by.tables)} alone"
    elif by.expires_at and (expires_at is None or expires_at > by.expires_at):
        fault = f"expires at {_clock(by.expires_at)}, and others of its making no later"
    if fault:
        raise TokenError("by", f"The token that asks {fault}.")


def listed(session: Session, user_id: int | None, part: Part | None = None) -> Sequence[Token]:
    """A part of the tokens of a user, or of all, that were not revoked, with their users."""
    mine = () if user_id is None else (Token.user_id == user_id,)
    statement = select(Token).where(Token.revoked_at.is_(None), *mine)
    ordered = ORDER.apply(statement, part or Part(MOST_SHOWN))
    return session.scalars(ordered.options(joinedload(Token.user))).unique().all()


def revoke(
    session: Session, id: int, user_id: int | None = None, *, by: Token | None = None
) -> Token | None:
    """End a token, of a user or of anybody, from this moment on; None when there is none.

    ``by`` is the token that asks. It may end itself, and those that it could have made; raises
    TokenError for others.
    """
    mine = () if user_id is None else (Token.user_id == user_id,)
    found = select(Token).where(Token.id == id, Token.revoked_at.is_(None), *mine)
    token = session.scalar(found.with_for_update())
    if token is not None:
        if by is not None and by.id != token.id:
            _require_no_more(by, token.role, token.tables, token.expires_at)
        token.revoked_at = func.now()
        session.flush()
    return token


def prune(session: Session) -> int:
    """Delete the tokens that ended more than KEPT ago; return how many."""
    long_ago = func.now() - KEPT
    ended = or_(Token.revoked_at < long_ago, Token.expires_at < long_ago)
    return session.execute(delete(Token).where(ended)).rowcount


def _open() -> ColumnElement[bool]:
    unexpired = or_(Token.expires_at.is_(None), Token.expires_at > func.now())
    return and_(Token.revoked_at.is_(None), unexpired)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
