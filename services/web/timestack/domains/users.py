"""The rules of users: roles, log-ins, and who is the first administrator."""

from __future__ import annotations

import secrets
from typing import Literal

from argon2 import PasswordHasher
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains import passwords
from timestack.models.users import Login, Role, User

# Each may also do what those before it may.
ROLES = ("viewer", "editor", "admin")

# Private networks have names such as office.local or home.arpa, and their users have addresses.
# By default the library refuses names that are not on the internet, also for Flask-Security.
SPECIAL_USE_DOMAIN_NAMES.clear()

# Argon2id with the library's parameters, which follow RFC 9106 (its low-memory profile).
_hasher = PasswordHasher()


class UserError(ValueError):
    """A refusal; its text says which user and what to do."""


def rank(roles: list[str]) -> int:
    """The highest of ``roles`` as its place in ROLES; -1 for none of them."""
    return max((ROLES.index(name) for name in roles if name in ROLES), default=-1)


def refusal(user: User | None, role: str) -> str | None:
    """Why a user may not do what needs a role, as a sentence; None when they may."""
    if user and rank([each.name for each in user.roles]) >= ROLES.index(role):
        return None
    who = user.email if user else "a stranger"
    return f"This needs the role {role}, which {who} does not have. An administrator can give it."


def role_of(user: User | None) -> str | None:
    """The highest role of a user; None without a user or a role."""
    held = rank([role.name for role in user.roles]) if user else -1
    return ROLES[held] if held >= 0 else None


def normal_email(email: str) -> str:
    """The address as it is stored; raises UserError when it is not one. Does not use DNS."""
    try:
        return validate_email(email, check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError as error:
        raise UserError(f"{email!r} is not an e-mail address: {error}") from None


def find(session: Session, email: str) -> User | None:
    """The user of an address, regardless of case."""
    return session.scalar(select(User).where(func.lower(User.email) == email.lower()))


def put(
    session: Session,
    email: str,
    role: str,
    *,
    password: str | None = None,
    account: str | None = None,
    must_change: bool = False,
) -> Literal["made", "changed"]:
    """Make or change a user; None leaves a field as it is.

    A new password, or another role, ends the user's open log-ins. Raises UserError.
    """
    email = normal_email(email)
    if role not in ROLES:
        raise UserError(f"{role!r} is not a role: choose one of {', '.join(ROLES)}")
    if password is not None and (fault := passwords.fault(password, email)):
        raise UserError(f"the password for {email} was not accepted. {fault}")
    if account and not (len(account) <= db.ACCOUNT_LENGTH and account.isprintable()):
        raise UserError(
            f"the account of {email} must be 1 to {db.ACCOUNT_LENGTH} printable characters"
        )
    user = find(session, email)
    made = user is None
    if user is None:
        user = User(email=email, fs_uniquifier=secrets.token_hex(32), roles=[])
        session.add(user)
    before = (user.password, [each.name for each in user.roles])
    user.active = True
    user.roles = [session.scalars(select(Role).where(Role.name == role)).one()]
    if account is not None:
        user.account = account or None
    if password is not None:
        user.password = _hasher.hash(password)
        user.must_change_password = must_change
    if not made and before != (user.password, [role]):
        end_logins(session, user)
    session.flush()
    return "made" if made else "changed"


def ensure_admin(session: Session, email: str, password: str) -> Literal["made", "kept"]:
    """Make sure that there is an administrator of this address.

    A new one gets ``password``, which the first log-in must change. An existing one keeps its own.
    """
    email = normal_email(email)
    user = find(session, email)
    if user is not None and user.active and rank([role.name for role in user.roles]) == 2:
        return "kept"
    fresh = user is None or user.password is None
    put(session, email, "admin", password=password if fresh else None, must_change=fresh)
    return "made"


def disable(session: Session, email: str) -> None:
    """Keep a user out from now on; raises UserError when no user has this address."""
    user = find(session, email)
    if user is None:
        raise UserError(f"there is no user {email}: nothing was changed")
    user.active = False
    end_logins(session, user)


def put_platform_user(session: Session, email: str, account: str) -> None:
    """Make or update a user whom the platform has confirmed, as a viewer of ``account``.

    A password kept here is never touched: the platform cannot take over a local user. Raises
    UserError when the user has one.
    """
    user = find(session, email)
    if user is None:
        put(session, email, ROLES[0], account=account)
    elif user.password is not None:
        raise UserError(f"{email} has a password in this stack: log in with that")
    else:
        user.account = account


def end_logins(session: Session, user: User, *, keep: bytes | None = None) -> None:
    """Close the user's log-ins, but for the one whose digest is ``keep``."""
    if keep is None:
        user.fs_uniquifier = secrets.token_hex(32)
    session.execute(
        delete(Login).where(Login.user_id == user.id, Login.digest.is_distinct_from(keep))
    )
