"""The Alerts page: its layout, and what keeps it up to date.

The address says what is shown (``Address``), and the sections of ``view`` are live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, html
from dash.development.base_component import Component
from flask import g

from timestack import db
from timestack.dash import guard, states
from timestack.dash.address import href
from timestack.dash.alerts import actions, view
from timestack.dash.alerts.view import Address
from timestack.dash.lists import Note
from timestack.dash.live import CALM, Live, Seen
from timestack.dash.page import head

# The rules are looked at once a minute.
LIVE = Live("alerts", view.SECTIONS)


class AlertsPage:
    """What fires, is pending and was; whoever may see the charts may see it."""

    path = "alerts"
    title = "Alerts"
    about = "Which series are out of their limits now and which were, by the rules of alerts.yaml."
    icon = "bell"
    table = ""
    role = "viewer"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address."""
        try:
            address = Address.read(asked)
            seen = _read(address, Note())
        except ValueError as error:
            text = str(error)
            return states.unknown("alert", f"{text[:1].upper()}{text[1:]}.")
        return html.Div(
            [
                head(self, *([] if address == Address() else [html.A("All alerts", href=href())])),
                *LIVE.elements(seen),
                *LIVE.stores(address.parameters(), seen),
            ],
            className="ts-charts ts-jobs-page",
            **{"data-page": self.path},
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the clock and the buttons."""
        LIVE.follow(dash, _look)
        LIVE.act(dash, actions.do)


def _look(asked: Mapping[str, Any], note: Note) -> tuple[Seen, int]:
    return _read(Address.read(asked), note), CALM


def _read(address: Address, note: Note) -> Seen:
    with db.session() as session:
        return view.read(session, address, note, editor=guard.may(g.user, "editor"))


PAGE = AlertsPage()
