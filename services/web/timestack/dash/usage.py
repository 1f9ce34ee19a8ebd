"""Usage: what an account used of the media platform in a month, in three figures.

The page is a function of its address, ``?month=2026-10``, for administrators with ``&account=``.
What it shows is read by domains/usage, and drawn by static/usage.js.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from flask import current_app, g

from timestack.dash import states
from timestack.dash.address import Parameters, href
from timestack.dash.page import head
from timestack.domains import usage
from timestack.words import NO_ACCOUNT, NO_USAGE, SIMULATED


@dataclass(frozen=True)
class Address(Parameters):
    """The figures of a ``month`` of an ``account``; None is the newest one, and the reader's."""

    month: str | None = None
    account: str | None = None


class UsagePage:
    """The figures of a month, for whoever has an account."""

    path = "usage"
    title = "Usage"
    about = "What your account used of the media platform: hours and storage, month by month."
    icon = "ring"
    table = ""
    role = "viewer"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address."""
        address = Address.read(asked)
        try:
            view = usage.look(address.account, g.user.account, address.month, admin=g.admin)
        except usage.RefusedError as error:
            return states.refused(str(error), "Show yours")
        shown = Address(
            str(view.month) if view.month else None,
            # In the address where it was chosen, or could have been.
            view.account if view.accounts else address.account,
        )
        report = html.A("Printable report", href=f"../report{_query(shown)}")
        return html.Div(
            [
                head(self, *([report] if view.month else [])),
                _picker(view, shown) if view.months or view.accounts else None,
                *_body(view),
                dcc.Store(id="usage-shown", data=shown.parameters()),
                dcc.Store(id="usage-drawn"),
                dcc.Store(
                    id="usage-figures",
                    data={name: each.plot for name, each in view.figures.items()},
                ),
            ],
            className="ts-charts ts-usage",
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the drop-downs, and the one that draws."""
        for name in ("month", "account"):
            dash.clientside_callback(
                ClientsideFunction("timestack", f"choose_{name}"),
                Input(f"usage-{name}", "value"),
                State("usage-shown", "data"),
                prevent_initial_call=True,
            )
        dash.clientside_callback(
            ClientsideFunction("timestack", "draw_usage"),
            # Nothing is written there: without an output it is not called for what is new.
            Output("usage-drawn", "data"),
            Input("usage-figures", "data"),
        )


def _query(address: Address) -> str:
    return href(**address.parameters()).rstrip("?")


def _picker(view: usage.View, shown: Address) -> html.Div:
    months = [{"value": str(each), "label": each.name} for each in reversed(view.months)]
    accounts = [{"value": each, "label": each} for each in view.offered]
    return html.Div(
        [
            _drop_down("account", accounts, view.account) if view.accounts else None,
            _drop_down("month", months, shown.month),
            html.Span(
                [_step("previous", view.beside(-1), shown), _step("next", view.beside(1), shown)],
                className="ts-steps-of-months",
            ),
        ],
        className="ts-card ts-picker",
    )


def _drop_down(name: str, options: list[dict[str, str]], value: str | None) -> html.Div:
    return html.Div(
        [
            html.Label(name.capitalize(), htmlFor=f"usage-{name}"),
            dbc.Select(
                id=f"usage-{name}", options=options, value=value, placeholder=f"Choose the {name}"
            ),
        ]
    )


def _step(way: str, month: usage.Month | None, shown: Address) -> html.A | None:
    """A link to the month with usage before or after the one that is shown."""
    if month is None:
        return None
    return html.A(
        [
            way.capitalize(),
            html.Span(f" month, {month.name}", className="visually-hidden"),
        ],
        id=f"usage-{way}",
        href=_query(Address(str(month), shown.account)),
        className="btn btn-outline-primary",
    )


def _body(view: usage.View) -> list[Component]:
    if view.fault:
        return [html.P(view.fault, className="ts-notice ts-notice-warn mb-0", role="status")]
    if not view.figures:
        words = NO_USAGE if view.account or g.admin else NO_ACCOUNT
        said = [html.H2(words.heading, className="h4"), html.P(words.advice)]
        return [html.Section(said, className="ts-state")]
    simulated = current_app.config["SETTINGS"].platform_is_simulated
    label = [html.P(SIMULATED, className="ts-notice mb-0")] if simulated else []
    return [*label, *(_card(each) for each in view.figures.values())]


def _card(figure: usage.Figure) -> html.Section:
    """A figure beside its numbers, as templates/pages/report.html writes it."""
    name = figure.name
    return html.Section(
        [
            html.H2(figure.title, className="h5 mb-0", id=f"{name}-title"),
            html.P(figure.about, className="ts-figure-about"),
            html.Div(
                [
                    html.Div(
                        id=f"{name}-plot",
                        className="ts-figure-plot",
                        role="img",
                        hidden=not figure.plot,
                        **{"aria-label": f"{figure.title}: a chart of the numbers in the table"},
                    ),
                    _table(figure),
                ],
                className="ts-figure-body",
            ),
            *(html.P(note, className="ts-figure-notes") for note in figure.notes),
        ],
        className="ts-card ts-figure",
        **{"aria-labelledby": f"{name}-title", "data-name": name},
    )


def _table(figure: usage.Figure) -> html.Table | None:
    if not figure.rows:
        return None

    def look(place: int) -> str | None:
        return "ts-number" if place >= figure.texts else None

    def line(row: usage.Row) -> html.Tr:
        first, *rest = row.cells
        note = [" ", html.Span(row.note, className="ts-chip")] if row.note else []
        cells = [html.Td(text, className=look(place)) for place, text in enumerate(rest, 1)]
        return html.Tr(
            [html.Th([*_swatch(row.key), html.Bdi(first, title=first), *note], scope="row"), *cells]
        )

    heads = [
        html.Th(text, scope="col", className=look(place))
        for place, text in enumerate(figure.columns)
    ]
    return html.Table(
        [
            html.Caption(figure.title, className="visually-hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody([line(row) for row in figure.rows]),
            html.Tfoot(line(figure.total)) if figure.total else None,
        ],
        className="ts-numbers",
    )


def _swatch(key: int | None) -> list[html.Span]:
    return [] if key is None else [html.Span(className="ts-swatch", **{"data-key": key})]


PAGE = UsagePage()
