"""The Jobs page: its layout, and what keeps it up to date.

The address says what is shown (``Address``), and the sections of ``view`` are live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html, no_update, set_props
from dash.development.base_component import Component
from flask import g
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard, states
from timestack.dash.address import href
from timestack.dash.jobs import actions, form, parts, view
from timestack.dash.jobs.address import Address
from timestack.dash.lists import Note
from timestack.dash.live import CALM, LIVELY, Live, Seen
from timestack.dash.page import head
from timestack.dash.started import FormError
from timestack.domains.jobs import kinds, listing
from timestack.domains.jobs.control import NotFoundError
from timestack.models.jobs import STATES

# Of a drop-down; a value that is empty would show as nothing.
ALL = "all"
LIVE = Live("jobs", view.SECTIONS)


class JobsPage:
    """What runs, waits and has ended, for those who may see the parameters of everybody's jobs."""

    path = "jobs"
    title = "Jobs"
    about = "What runs in the background, what waits and what has ended, with progress and reasons."
    icon = "jobs"
    table = ""
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
                head(self, *([] if address.is_list else [html.A("All jobs", href=href())])),
                html.Div(start, id="jobs-form", className="ts-card" if start else None),
                *LIVE.elements(seen.sections, "counts"),
                self._filter(address) if address.is_list else None,
                *LIVE.elements(seen.sections, *view.SECTIONS[1:]),
                *LIVE.stores(
                    address.parameters(), seen.sections, _pace(seen), still=bool(address.start)
                ),
                dcc.Store(id="jobs-start-asked"),
            ],
            className="ts-charts ts-jobs-page",
            **{"data-page": self.path},
        )

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
        LIVE.follow(dash, _look)
        LIVE.act(dash, actions.do)
        dash.clientside_callback(
            ClientsideFunction("timestack", "filter"),
            Input("jobs-kind", "value"),
            Input("jobs-state", "value"),
            prevent_initial_call=True,
        )

        @dash.callback(
            Output("jobs-form", "children"),
            Input("jobs-start-asked", "data"),
            prevent_initial_call=True,
        )
        def start(asked: Any) -> Any:
            return _start(asked)


def _look(asked: Mapping[str, Any], note: Note) -> tuple[Seen, int]:
    try:
        with db.session() as session:
            seen = view.read(session, Address.read(asked), note, admin=_admin())
    except NotFoundError as error:
        gone = html.P(f"{str(error).capitalize()}.", className="ts-notice", role="status")
        seen = view.View({"one": gone}, False)
    return seen.sections, _pace(seen)


def _start(asked: Any) -> Any:
    kind = asked.get("kind") if isinstance(asked, dict) else None
    if not isinstance(kind, str) or kind not in kinds.KINDS:
        raise BadRequest("A form starts a job of a kind that is known.")
    try:
        job = actions.start(kind, asked.get("filled"), asked.get("id"))
    except FormError as error:
        return form.form(kinds.find(kind), asked["filled"], error.faults)
    set_props("url", {"search": href(job=str(job.id))})
    return no_update


def _admin() -> bool:
    return guard.may(g.user, "admin")


def _pace(seen: view.View) -> int:
    return LIVELY if seen.moving else CALM


PAGE = JobsPage()
