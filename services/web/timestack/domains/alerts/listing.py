"""What page, API, shell and charts show of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, case, cast, func, or_, select
from sqlalchemy.orm import Session

from timestack.domains.alerts.rules import Rules
from timestack.domains.keyset import Order, Part
from timestack.models.alerts import OPEN, Alert, Silence

MOST = 200
OLDEST = Order((Alert.id,))
NEWEST = Order((Alert.fired_at, Alert.id), descending=True)


@dataclass(frozen=True)
class Standing:
    """How a rule is: the alerts that are open, and when one last fired (UTC)."""

    pending: int = 0
    firing: int = 0
    last_fired_at: datetime | None = None


def get(session: Session, id: int) -> Alert | None:
    """Return an alert, or None."""
    return session.get(Alert, id, populate_existing=True)


def current(
    session: Session,
    part: Part,
    *,
    state: str | None = None,
    rule: str | None = None,
) -> Sequence[Alert]:
    """Return a part of the alerts that are open, the oldest first (OLDEST)."""
    wanted = [Alert.state.in_(OPEN if state is None else (state,))]
    wanted += [Alert.rule == rule] if rule is not None else []
    return session.scalars(OLDEST.apply(select(Alert).where(*wanted), part)).all()


def counts(session: Session, rule: str | None = None) -> dict[str, int]:
    """Return how many alerts are open, by state."""
    wanted = [Alert.state.in_(OPEN), *([Alert.rule == rule] if rule is not None else [])]
    found = session.execute(
        select(Alert.state, func.count()).where(*wanted).group_by(Alert.state)
    ).all()
    return dict.fromkeys(OPEN, 0) | {state: number for state, number in found}


def history(session: Session, part: Part, *, rule: str | None = None) -> Sequence[Alert]:
    """Return a part of what has fired, the newest first (NEWEST)."""
    wanted = [Alert.fired_at.is_not(None)]
    wanted += [Alert.rule == rule] if rule is not None else []
    return session.scalars(NEWEST.apply(select(Alert).where(*wanted), part)).all()


def standings(session: Session, rules: Rules) -> dict[str, Standing]:
    """Return how each rule is, in the order of the file."""
    names = list(rules.rules)
    counted = session.execute(
        select(
            Alert.rule,
            func.sum(case((Alert.state == "pending", 1), else_=0)),
            func.sum(case((Alert.state == "firing", 1), else_=0)),
        )
        .where(Alert.state.in_(OPEN), Alert.rule.in_(names))
        .group_by(Alert.rule)
    ).all()
    found = {name: (pending, firing) for name, pending, firing in counted}
    # One step in an index for each rule: what has fired may be long.
    named = func.unnest(cast(names, ARRAY(Text))).table_valued("name")
    last = (
        select(func.max(Alert.fired_at))
        .where(Alert.rule == named.c.name, Alert.fired_at.is_not(None))
        .correlate(named)
        .scalar_subquery()
    )
    fired = dict(session.execute(select(named.c.name, last)).all())
    return {name: Standing(*found.get(name, (0, 0)), fired.get(name)) for name in names}


def of_series(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    start: datetime,
    end: datetime,
    *,
    value: str | None = None,
    limit: int = MOST,
) -> Sequence[Alert]:
    """Return what fired of a series within a range, the newest first.

    The range is that of the readings: an alert begins ``since`` and is over ``clear_since``.
    ``value`` is the column, None for any; that of no data is of all of them.
    """
    wanted = [
        Alert.source == table,
        Alert.keys == dict(keys),
        Alert.fired_at.is_not(None),
        Alert.since <= end,
        or_(
            Alert.resolved_at.is_(None),
            func.coalesce(Alert.clear_since, Alert.resolved_at) >= start,
        ),
    ]
    if value is not None:
        wanted.append(Alert.value_column.in_((value, "")))
    newest = (Alert.since.desc(), Alert.id.desc())
    return session.scalars(select(Alert).where(*wanted).order_by(*newest).limit(limit)).all()


def silence_of(silences: Sequence[Silence], rule: str, keys: Mapping[str, Any]) -> Silence | None:
    """Return what silences exactly this: a rule where ``keys`` are empty, else a series of it."""
    return next((each for each in silences if each.rule == rule and each.keys == keys), None)
