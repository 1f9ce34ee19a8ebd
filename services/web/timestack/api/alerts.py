"""Alerts: what fires and is pending, the rules, what was; and silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from flask import request, url_for
from flask_login import current_user
from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound, ServiceUnavailable

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Cursor, Limit, Query, Text, Time, View
from timestack.domains.alerts import listing, rules, silences, words
from timestack.errors import Fault, Invalid
from timestack.models.alerts import OPEN, Alert, Silence

resource = Resource(
    "alerts",
    __name__,
    url_prefix="/alerts",
    about="What the rules of alerts.yaml find, and of what nobody is told.",
)


class AlertsQuery(Query):
    """Which alerts are listed."""

    state: Literal[*OPEN] | None = None
    rule: Text | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class HistoryQuery(Query):
    """Which alerts are listed of those that fired."""

    rule: Text | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class NewSilence(Body):
    """Until when nobody is told."""

    until: Time


class SilenceView(View):
    """A rule, or one series of it where there are ``keys``, of which nobody is told."""

    rule: str
    keys: dict[str, Any]
    until: datetime
    silenced_at: datetime
    silenced_by: str


class AlertView(View):
    """A rule's condition on one series.

    ``since`` is when the condition began, by the times of the readings; ``value`` was read at
    ``seen_at``, and of no data is the seconds without any. ``low`` and ``high`` are the thresholds
    of the values, null where there is none. Of what is over, ``reason`` says why.
    """

    id: int
    rule: str
    severity: str
    state: str
    table: str = Field(validation_alias="source")
    column: str = Field(validation_alias="value_column")
    keys: dict[str, Any]
    series: str = Field(validation_alias="label")
    value: float | None
    low: float | None
    high: float | None
    since: datetime
    seen_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    reason: str


class AlertList(View):
    """One page; ``next`` is the cursor of the following one, null at the end."""

    items: list[AlertView]
    next: str | None


class RuleView(View):
    """A rule as it is declared, its condition in words, and how it is."""

    name: str
    table: str
    column: str | None
    condition: str
    series: str
    severity: str
    message: str
    firing: int
    pending: int
    last_fired_at: datetime | None
    silenced_until: datetime | None


class RuleList(View):
    """In the order of the file."""

    items: list[RuleView]


@resource.get("", query=AlertsQuery, answer=AlertList)
def index(query: AlertsQuery) -> Answer:
    """Alerts that fire or are pending, the oldest first."""
    after = paging.decode(query.cursor, (int,))[0] if query.cursor else None
    with db.session() as session:
        found = listing.current(
            session, state=query.state, rule=query.rule, limit=query.limit + 1, after=after
        )
    return _page(found, query.limit, lambda last: (last.id,))


@resource.get("/history", query=HistoryQuery, answer=AlertList)
def history(query: HistoryQuery) -> Answer:
    """Alerts that fired, those that still do included, the newest first."""
    before = paging.decode(query.cursor, (datetime, int)) if query.cursor else None
    with db.session() as session:
        found = listing.history(session, rule=query.rule, limit=query.limit + 1, before=before)
    return _page(found, query.limit, listing.position)


@resource.get("/rules", answer=RuleList)
def index_rules() -> RuleList:
    """The rules, and how each is. 503 where the file has faults, and nothing is looked at."""
    with db.session() as session:
        declared = _rules()
        standings = listing.standings(session, declared)
        silent = silences.silences(session)
    return RuleList(
        items=[
            _rule(name, declared, standing, listing.silence_of(silent, name, {}))
            for name, standing in standings.items()
        ]
    )


@resource.post(
    "/rules/<name>/silence", body=NewSilence, answer=SilenceView, status=200, problems=(404,)
)
def silence_rule(name: str, body: NewSilence) -> SilenceView:
    """Tell nobody of a rule until a time; it is looked at all the same."""
    with db.session() as session:
        return _silence(session, name, body.until, {})


@resource.delete("/rules/<name>/silence", status=204, problems=(404,))
def lift_rule(name: str) -> Answer:
    """Tell people of a rule again."""
    with db.session() as session:
        return _lift(session, name, {})


@resource.post(
    "/<int:id>/silence", body=NewSilence, answer=SilenceView, status=200, problems=(404,)
)
def silence_series(id: int, body: NewSilence) -> SilenceView:
    """Tell nobody of an alert's series by its rule until a time, others of the rule as before."""
    with db.session() as session:
        alert = _alert(session, id)
        return _silence(session, alert.rule, body.until, alert.keys)


@resource.delete("/<int:id>/silence", status=204, problems=(404,))
def lift_series(id: int) -> Answer:
    """Tell people of an alert's series again."""
    with db.session() as session:
        alert = _alert(session, id)
        return _lift(session, alert.rule, alert.keys)
