"""Datasets that rules name: they come and go, so each look and each page asks for them.

What an alert says of a series is for everybody, so a rule may only be about a dataset that
everybody may see. To a rule another one is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.orm import Session

from timestack.domains.alerts.rules import Rules, unknown
from timestack.series import catalog, uploaded


class Known(NamedTuple):
    """The catalog with the datasets that rules name, and why which rules cannot be looked at."""

    declared: catalog.Catalog
    faults: Mapping[str, str]


def known(session: Session, rules: Rules, declared: catalog.Catalog) -> Known:
    """Return what is known now; the database is asked only where a rule names a dataset."""
    about = {
        name: rule for name, rule in rules.rules.items() if uploaded.id_of(rule.table) is not None
    }
    if not about:
        return Known(declared, {})
    found = uploaded.shown(session, declared, {rule.table for rule in about.values()})
    faults = {}
    for name, rule in about.items():
        if rule.table not in found.hypertables:
            faults[name] = (
                f"there is no dataset `{rule.table}` that everybody may see: it was deleted, or"
                " its owner must show it to everybody"
            )
        elif wrong := list(unknown(rule, found)):
            place, what = wrong[0]
            faults[name] = f"{'.'.join(place)}: {what}" if place else what
    return Known(found, faults)
