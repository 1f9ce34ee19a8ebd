"""The Alerts page: its layout, and the callbacks that keep it up to date.

As on the Jobs page, what is live is in elements, one for each section of ``view``; a clock in the
browser asks for them while the page is seen, and only those that changed are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component
from flask import g
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard, lists, states
from timestack.dash.alerts import actions, view
from timestack.dash.alerts.parts import href
from timestack.dash.alerts.view import Address
from timestack.dash.lists import Note

# Milliseconds between two looks: the rules are looked at once a minute.
PERIOD = 15_000


class AlertsPage:
    """What fires, is pending and was; whoever may see the charts may see it."""

    path = "alerts"
    title = "Alerts"
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
                html.Div(self._head(address), className="ts-page-head"),
                *(
                    html.Div(seen.get(name), id=f"alerts-{name}", className="ts-live")
                    for name in view.SECTIONS
                ),
                # What is shown: the address, and a digest of each section.
                dcc.Store(id="alerts-address", data=address.parameters()),
                dcc.Store(id="alerts-shown", data=_digests(seen)),
                dcc.Store(id="alerts-seen"),
                # What the browser asks for: the sections, an action, and what became of that.
                dcc.Store(id="alerts-asked"),
                dcc.Store(id="alerts-action"),
                dcc.Store(id="alerts-note"),
                dcc.Interval(id="alerts-clock", interval=PERIOD),
            ],
            className="ts-charts ts-jobs-page",
            **{"data-page": self.path},
        )

    def _head(self, address: Address) -> list[Component]:
        title = html.H1(self.title, className="h3 mb-0")
        if address == Address():
            return [title, html.P("All times are UTC.", className="text-body-secondary mb-0")]
        return [title, html.A("All alerts", href=href())]

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the clock and the buttons."""
        dash.clientside_callback(
            ClientsideFunction("timestack", "look"),
            Output("alerts-asked", "data"),
            Input("alerts-clock", "n_intervals"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "draw"),
            Input("alerts-seen", "data"),
            State("alerts-address", "data"),
            prevent_initial_call=True,
        )

        @dash.callback(
            Output("alerts-seen", "data"),
            Output("alerts-shown", "data"),
            Input("alerts-asked", "data"),
            Input("alerts-note", "data"),
            State("alerts-address", "data"),
            State("alerts-shown", "data"),
            prevent_initial_call=True,
        )
        def refresh(_: Any, note: Any, asked: Any, shown: Any) -> tuple:
            return _refresh(asked, Note.read(note), shown if isinstance(shown, dict) else {})

        @dash.callback(
            Output("alerts-note", "data"), Input("alerts-action", "data"), prevent_initial_call=True
        )
        def act(asked: Any) -> dict:
            # With a number of its own: the same words, said again, are news.
            return {**asdict(actions.do(asked)), "turn": asked.get("turn")}


def _refresh(asked: Any, note: Note, shown: Mapping[str, Any]) -> tuple:
    if not isinstance(asked, dict):
        raise BadRequest("What is shown is an address's parameters.")
    try:
        seen = _read(Address.read(asked), note)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    # Whatever failed before, this did not.
    set_props("alert", {"children": None})
    now = _digests(seen)
    changed = {f"alerts-{name}": seen.get(name) for name in now if now[name] != shown.get(name)}
    return {"address": asked, "parts": changed}, now


def _read(address: Address, note: Note) -> dict[str, Component | None]:
    with db.session() as session:
        return view.read(session, address, note, editor=guard.may(g.user, "editor"))


def _digests(seen: Mapping[str, Component | None]) -> dict[str, str]:
    return lists.digests({name: seen.get(name) for name in view.SECTIONS})


PAGE = AlertsPage()
