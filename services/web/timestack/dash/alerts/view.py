"""What is read of the database, as the sections of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from dash import html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack.dash.address import Parameters, href
from timestack.dash.alerts import parts
from timestack.dash.alerts.parts import Setting
from timestack.dash.lists import Note, quiet, section
from timestack.domains import sensors
from timestack.domains.alerts import datasets, listing, rules, silences
from timestack.domains.alerts import faults as wrong
from timestack.domains.jobs.listing import now
from timestack.domains.keyset import Part
from timestack.models.alerts import OPEN, Alert
from timestack.series import catalog

# In the order of the page.
SECTIONS = ("fault", "counts", "firing", "pending", "rules", "history")
# Alerts of a list.
PAGE_SIZE = 25


@dataclass(frozen=True)
class Address(Parameters):
    """Alerts of a ``rule``, and those that fired before the alert ``before``; None for all."""

    rule: str | None = None
    before: str | None = None

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Self:
        """Read parameters; raises ValueError for what is not an alert as well."""
        found = super().read(asked)
        if found.before and not (found.before.isdecimal() and len(found.before) < 19):
            raise ValueError(f"{found.before!r} is not an alert")
        return found


def read(
    session: Session, address: Address, note: Note, *, editor: bool
) -> dict[str, Component | None]:
    """Read what an address shows; raises ValueError where it names what is not there."""
    try:
        declared, faults = rules.current(), ()
    except rules.RulesError as error:
        declared, faults = rules.Rules(), error.faults
    lists: dict[str, Sequence[Alert]] = {}
    if address.before is None:
        for state in OPEN:
            part = Part(PAGE_SIZE + 1)
            lists[state] = listing.current(session, part, state=state, rule=address.rule)
    lists["history"] = _past(session, address)
    shown = [each for found in lists.values() for each in found]
    ids = {each.keys.get("sensor_id") for each in shown if each.source == "readings"}
    silent = silences.silences(session)
    places = sensors.of_ids(session, ids)
    setting = Setting(now(session), declared, silent, note, editor, places)
    sections: dict[str, Component | None] = {"fault": parts.fault(faults) if faults else None}
    if address.before is None:
        sections["counts"] = parts.counts(listing.counts(session, address.rule), len(silent))
        sections["firing"] = _open("firing", lists["firing"], setting)
        sections["pending"] = _open("pending", lists["pending"], setting)
        sections["rules"] = _rules(session, address, setting)
    sections["history"] = _history(lists["history"], address, setting)
    return sections


def _open(state: str, found: Sequence[Alert], setting: Setting) -> Component | None:
    if not found:
        return section("Firing", [quiet("Nothing fires.")]) if state == "firing" else None
    rows = [parts.alert(each, setting) for each in found[:PAGE_SIZE]]
    more = html.P(f"These {PAGE_SIZE} began first; there are more.", className="ts-job-message")
    return section(state.capitalize(), rows, more if len(found) > PAGE_SIZE else None)


def _rules(session: Session, address: Address, setting: Setting) -> Component:
    standings = listing.standings(session, setting.rules)
    if address.rule is not None:
        standings = {name: each for name, each in standings.items() if name == address.rule}
    known = datasets.known(session, setting.rules, catalog.current())
    unseen = wrong.current(session, setting.rules, known)
    rows = [parts.rule(name, each, setting, unseen.get(name)) for name, each in standings.items()]
    return section("Rules", rows or [parts.no_rules(address.rule)])


def _past(session: Session, address: Address) -> Sequence[Alert]:
    after = None
    if address.before:
        last = listing.get(session, int(address.before))
        if last is None or last.fired_at is None:
            raise ValueError(f"there is no alert {address.before} that has fired")
        after = listing.NEWEST.key(last)
    return listing.history(session, Part(PAGE_SIZE + 1, after), rule=address.rule)


def _history(found: Sequence[Alert], address: Address, setting: Setting) -> Component:
    links = []
    if address.before:
        links.append(_link("Newest", href(rule=address.rule)))
    if len(found) > PAGE_SIZE:
        last = str(found[PAGE_SIZE - 1].id)
        links.append(_link("Older", href(rule=address.rule, before=last)))
    pages = html.Nav(links, className="ts-pages", **{"aria-label": "Pages"}) if links else None
    rows = [parts.episode(each, setting) for each in found[:PAGE_SIZE]]
    return section("History", rows or [quiet("Nothing has fired yet.")], pages)


def _link(label: str, target: str) -> html.A:
    return html.A(label, href=target, className="btn btn-sm btn-outline-primary")
