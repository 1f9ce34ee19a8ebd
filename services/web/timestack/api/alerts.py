"""Alerts: what fires and is pending, the rules, what was; and silence."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flask_login import current_user
from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound, ServiceUnavailable

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Text, Time, View
from timestack.domains.alerts import datasets, faults, listing, rules, silences, words
from timestack.errors import Fault, Invalid
from timestack.models.alerts import OPEN, Alert
from timestack.series import catalog
from timestack.words import sentence

resource = Resource(
    "alerts",
    __name__,
    url_prefix="/alerts",
    about="What the rules of alerts.yaml find, and of what nobody is told.",
)


class AlertsQuery(paging.ListQuery):
    """Which alerts are listed of those that are open."""

    state: Literal[*OPEN] | None = None
    rule: Text | None = None


class HistoryQuery(paging.ListQuery):
    """Which alerts are listed of those that fired."""

    rule: Text | None = None


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
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[AlertView]
    next: str | None


class RuleView(View):
    """A rule as it is declared, its condition in words, and how it is.

    ``fault`` says why it cannot be looked at, null where it can; its alerts stay as they are.
    """

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
    fault: str | None


class RuleList(View):
    """In the order of the file."""

    items: list[RuleView]


@resource.get("", query=AlertsQuery, answer=AlertList)
def index(query: AlertsQuery) -> Answer:
    """List alerts that fire or are pending, the oldest first."""
    part = paging.part(query, listing.OLDEST)
    with db.session() as session:
        found = listing.current(session, part, state=query.state, rule=query.rule)
    return paging.answer(AlertList, query, listing.OLDEST, found)


@resource.get("/history", query=HistoryQuery, answer=AlertList)
def history(query: HistoryQuery) -> Answer:
    """List alerts that fired, those that still do included, the newest first."""
    part = paging.part(query, listing.NEWEST)
    with db.session() as session:
        found = listing.history(session, part, rule=query.rule)
    return paging.answer(AlertList, query, listing.NEWEST, found)


@resource.get("/rules", answer=RuleList)
def index_rules() -> RuleList:
    """List the rules, and how each is. 503 where the file has faults, and nothing is looked at."""
    with db.session() as session:
        declared = _rules()
        standings = listing.standings(session, declared)
        silent = silences.silences(session)
        known = datasets.known(session, declared, catalog.current())
        wrong = faults.current(session, declared, known)
    return RuleList(
        items=[
            RuleView(
                name=name,
                table=rule.table,
                column=None
                if rule.no_data or name in known.faults
                else declared.value_of(name, known.declared),
                condition=words.condition(rule),
                series=words.scope(rule),
                severity=rule.severity,
                message=rule.message,
                firing=standings[name].firing,
                pending=standings[name].pending,
                last_fired_at=standings[name].last_fired_at,
                silenced_until=getattr(listing.silence_of(silent, name, {}), "until", None),
                fault=wrong.get(name),
            )
            for name, rule in declared.rules.items()
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


def _rules() -> rules.Rules:
    try:
        return rules.current()
    except rules.RulesError as error:
        count = len(error.faults)
        raise ServiceUnavailable(
            f"alerts.yaml has {count} fault(s): `make alerts ARGS=check` names them."
        ) from None


def _alert(session: Session, id: int) -> Alert:
    # Beyond these there is no id, and the database has no number for it.
    alert = listing.get(session, id) if id < 2**63 else None
    if alert is None:
        raise NotFound(f"There is no alert {id}.")
    return alert


def _silence(session: Session, name: str, until: datetime, keys: dict[str, Any]) -> SilenceView:
    by = getattr(current_user, "email", "")
    try:
        made = silences.silence(session, _rules(), name, until, keys=keys, by=by)
    except silences.UnknownRuleError as error:
        raise NotFound(sentence(error)) from None
    except silences.SilenceError as error:
        detail = str(error).removeprefix("until ")
        raise Invalid([Fault(detail, pointer="/until")]) from None
    return SilenceView.model_validate(made)


def _lift(session: Session, name: str, keys: dict[str, Any]) -> Answer:
    try:
        silences.lift(session, name, keys)
    except silences.NotSilentError as error:
        raise NotFound(sentence(error)) from None
    return Answer(None)
