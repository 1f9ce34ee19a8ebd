"""Silence: of a rule, or of one series of it, nobody is told until a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack.domains.alerts.rules import NAME, Rules
from timestack.models.alerts import Alert, Silence

LONGEST = timedelta(days=366)


class SilenceError(ValueError):
    """The silence cannot be; str() says why."""


class UnknownRuleError(LookupError):
    """No rule has the name."""

    def __init__(self, name: str):
        super().__init__(f"there is no rule {name!r}")


class NotSilentError(LookupError):
    """There is no such silence to lift."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not silenced")


def silence(
    session: Session,
    rules: Rules,
    name: str,
    until: datetime,
    *,
    keys: Mapping[str, Any] | None = None,
    by: str = "",
) -> Silence:
    """Tell nobody of a rule, or of one series of it, until a time; it replaces an earlier one.

    ``keys`` are those of an alert. Raises UnknownRuleError, and SilenceError for a time that is
    past or more than LONGEST away, and for keys of which there is no alert.
    """
    _require(rules, name)
    now = session.scalar(select(func.now()))
    if until <= now:
        raise SilenceError(f"until must be after now, {now:%Y-%m-%dT%H:%M:%SZ}")
    if until > now + LONGEST:
        raise SilenceError(f"until must be within {LONGEST.days} days")
    keys = dict(keys or {})
    if keys:
        known = select(Alert.id).where(Alert.rule == name, Alert.keys == keys)
        if not session.scalar(select(known.exists())):
            raise SilenceError(f"keys must be those of an alert of {name}")
    row = {"rule": name, "keys": keys, "until": until, "silenced_by": by}
    changed = {"until": until, "silenced_by": by, "silenced_at": func.now()}
    return session.scalar(
        insert(Silence)
        .values(**row)
        .on_conflict_do_update(index_elements=["rule", "keys"], set_=changed)
        .returning(Silence),
        execution_options={"populate_existing": True},
    )


def lift(session: Session, name: str, keys: Mapping[str, Any] | None = None) -> None:
    """Tell people of a rule, or of one series of it, again. Raises NotSilentError.

    The rule may have been removed meanwhile.
    """
    if not re.fullmatch(NAME, name):
        # Nor has the database a text for every name.
        raise NotSilentError(name)
    gone = session.execute(
        delete(Silence)
        .where(Silence.rule == name, Silence.keys == dict(keys or {}), Silence.until > func.now())
        .returning(Silence.rule)
    )
    if gone.first() is None:
        raise NotSilentError(name)


def silences(session: Session) -> Sequence[Silence]:
    """Return what is silent now, that of rules before that of series."""
    found = select(Silence).where(Silence.until > func.now())
    return session.scalars(found.order_by(Silence.rule, Silence.keys)).all()


def forget(session: Session) -> None:
    """Delete silences that are over."""
    session.execute(delete(Silence).where(Silence.until <= func.now()))


def is_silent(found: Sequence[Silence], rule: str, keys: Mapping[str, Any]) -> bool:
    """Whether nobody is to be told of a series by a rule."""
    return any(each.rule == rule and each.keys in ({}, keys) for each in found)


def _require(rules: Rules, name: str) -> None:
    if name not in rules.rules:
        raise UnknownRuleError(name)
