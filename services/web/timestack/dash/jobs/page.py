"""The Jobs page: its layout, and the callbacks that keep it up to date.

The address says what is shown (``Address``). What is live is in elements, one for each section of
``view``; a clock in the browser asks for them while the page is seen, and only those that changed
are sent, to be changed in place (assets/live.js).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component
from flask import g
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard, lists, states
from timestack.dash.jobs import actions, form, parts, view
from timestack.dash.jobs.address import Address, href
from timestack.dash.lists import Note
from timestack.domains.jobs import kinds, listing
from timestack.domains.jobs.control import NotFoundError
from timestack.models.jobs import STATES

# Of a drop-down; a value that is empty would show as nothing.
ALL = "all"
# Milliseconds between two looks at jobs that move, and at those that do not.
LIVELY, CALM = 2_000, 15_000


class JobsPage:
    """What runs, waits and has ended, for those who may see the parameters of everybody's jobs."""

    path = "jobs"
    title = "Jobs"
    role = "editor"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address."""
        try:
            address = Address.read(asked)
            with db.session() as session:
                seen = view.read(session, address, Note(), admin=_admin())
        except (ValueError, NotFoundError) as error:
            text = str(error)
            return states.unknown("job", f"{text[:1].upper()}{text[1:]}.")
        start = None
        if address.start:
            guard.require("admin")
            start = form.form(kinds.find(address.start), {}, [])
        return html.Div(
            [
                html.Div(self._head(address), className="ts-page-head"),
                html.Div(start, id="jobs-form", className="ts-card" if start else None),
                _live("counts", seen),
                self._filter(address) if address.is_list else None,
                *(_live(name, seen) for name in view.SECTIONS if name != "counts"),
                # What is shown: the address, and a digest of each section.
                dcc.Store(id="jobs-address", data=address.parameters()),
                dcc.Store(id="jobs-shown", data=_digests(seen)),
                dcc.Store(id="jobs-seen"),
                # What the browser asks for: the sections, an action, a job.
                dcc.Store(id="jobs-asked"),
                dcc.Store(id="jobs-action"),
                dcc.Store(id="jobs-start-asked"),
                # What became of the action.
                dcc.Store(id="jobs-note"),
                dcc.Interval(id="jobs-clock", interval=_pace(seen), disabled=bool(address.start)),
            ],
            className="ts-charts ts-jobs-page",
            **{"data-page": self.path},
        )

    def _head(self, address: Address) -> list[Component]:
        title = html.H1(self.title, className="h3 mb-0")
        if address.is_list:
            return [title, html.P("All times are UTC.", className="text-body-secondary mb-0")]
        return [title, html.A("All jobs", href=href())]

    def _filter(self, address: Address) -> html.Div:
        names = sorted({*kinds.KINDS, *filter(None, [address.kind])}, key=parts.title)
        offered = {
            "kind": [(ALL, "All kinds"), *((name, parts.title(name)) for name in names)],
            "state": [
                (ALL, "All states"),
                *((name, name.capitalize()) for name in (*STATES, *listing.GROUPS)),
            ],
        }
        return html.Div(
            [
                html.Div(
                    [
                        html.Label(name.capitalize(), htmlFor=f"jobs-{name}"),
                        dbc.Select(
                            id=f"jobs-{name}",
                            options=[{"value": value, "label": label} for value, label in options],
                            value=getattr(address, name) or ALL,
                        ),
                    ]
                )
                for name, options in offered.items()
            ],
            className="ts-card ts-choice ts-jobs-filter",
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the clock, the filter and the buttons."""
        dash.clientside_callback(
            ClientsideFunction("timestack", "look"),
            Output("jobs-asked", "data"),
            Input("jobs-clock", "n_intervals"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "draw"),
            Input("jobs-seen", "data"),
            State("jobs-address", "data"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "filter"),
            Input("jobs-kind", "value"),
            Input("jobs-state", "value"),
            prevent_initial_call=True,
        )

        @dash.callback(
            Output("jobs-seen", "data"),
            Output("jobs-shown", "data"),
            Output("jobs-clock", "interval"),
            Input("jobs-asked", "data"),
            Input("jobs-note", "data"),
            State("jobs-address", "data"),
            State("jobs-shown", "data"),
            prevent_initial_call=True,
        )
        def refresh(_: Any, note: Any, asked: Any, shown: Any) -> tuple:
            return _refresh(asked, Note.read(note), shown if isinstance(shown, dict) else {})

        @dash.callback(
            Output("jobs-note", "data"), Input("jobs-action", "data"), prevent_initial_call=True
        )
        def act(asked: Any) -> dict:
            # With a number of its own: the same words, said again, are news.
            return {**asdict(actions.do(asked)), "turn": asked.get("turn")}

        @dash.callback(
            Output("jobs-form", "children"),
            Input("jobs-start-asked", "data"),
            prevent_initial_call=True,
        )
        def start(asked: Any) -> Any:
            return _start(asked)


def _live(name: str, seen: view.View) -> html.Div:
    return html.Div(seen.sections.get(name), id=f"jobs-{name}", className="ts-live")


def _refresh(asked: Any, note: Note, shown: Mapping[str, Any]) -> tuple:
    if not isinstance(asked, dict):
        raise BadRequest("What is shown is an address's parameters.")
    try:
        with db.session() as session:
            seen = view.read(session, Address.read(asked), note, admin=_admin())
    except NotFoundError as error:
        gone = html.P(f"{str(error).capitalize()}.", className="ts-notice", role="status")
        seen = view.View({"one": gone}, False)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    except (OperationalError, PoolTimeout):
        # It is asked again, but not so often.
        set_props("jobs-clock", {"interval": CALM})
        raise
    # Whatever failed before, this did not.
    set_props("alert", {"children": None})
    now = _digests(seen)
    changed = {
        f"jobs-{name}": seen.sections.get(name) for name in now if now[name] != shown.get(name)
    }
    return {"address": asked, "parts": changed}, now, _pace(seen)


def _start(asked: Any) -> Any:
    kind = asked.get("kind") if isinstance(asked, dict) else None
    if not isinstance(kind, str) or kind not in kinds.KINDS:
        raise BadRequest("A form starts a job of a kind that is known.")
    try:
        job = actions.start(kind, asked.get("filled"), asked.get("id"))
    except actions.FormError as error:
        return form.form(kinds.find(kind), asked["filled"], error.faults)
    set_props("url", {"search": href(job=str(job.id))})
    return no_update


def _admin() -> bool:
    return guard.may(g.user, "admin")


def _pace(seen: view.View) -> int:
    return LIVELY if seen.moving else CALM


def _digests(seen: view.View) -> dict[str, str]:
    return lists.digests({name: seen.sections.get(name) for name in view.SECTIONS})


PAGE = JobsPage()
