"""The chart of the Markets page: its controls, and what assets/markets.js fills in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from flask import url_for

from timestack.dash import states
from timestack.dash.markets.address import AVERAGES, KINDS, RANGES, Address
from timestack.dash.timechart import download
from timestack.models.markets import DailyPrice, Ticker

NAME = "markets"
# How the chart is to look, in the order in which the browser is given it.
INPUTS = [
    Input(f"{NAME}-range", "data"),
    Input(f"{NAME}-kind", "value"),
    Input(f"{NAME}-averages", "value"),
    Input(f"{NAME}-adjusted", "value"),
]

KEYS = [
    html.Span("closed above its opening", className="ts-key ts-key-hollow"),
    html.Span("below", className="ts-key ts-key-filled"),
]


def card(ticker: Ticker, address: Address, beside: Collection[str]) -> html.Section:
    """Return the chart of a ticker, compared with the symbols ``beside``."""
    busy, fault = states.asking(NAME)
    heading = html.H2(
        [
            html.Span(f"{ticker.symbol}, {ticker.name}", id=_id("title")),
            " ",
            html.Span("US dollars", id=_id("unit"), className="ts-chip"),
        ],
        id=_id("heading"),
        className="h5 mb-0",
    )
    return html.Section(
        [
            html.Div([heading, _tools(address, bool(beside))], className="ts-card-head"),
            _faults(address),
            fault,
            html.Div(
                [
                    # See assets/plot.js.
                    html.Div(id=_id("graph"), className="ts-plot ts-graph-tall"),
                    busy,
                ],
                className="ts-graph",
            ),
            html.Div(
                [
                    html.Span(id=_id("caption"), className="ts-caption-text", role="status"),
                    html.Span(KEYS, id=_id("keys"), className="ts-keys"),
                ],
                className="ts-caption",
            ),
            dcc.Store(id=_id("range"), data=address.range),
            dcc.Store(id=_id("places"), data=_places()),
            dcc.Store(id=_id("shown")),
        ],
        className="ts-card ts-chart",
        **{"aria-labelledby": _id("heading")},
    )


def copy() -> html.Button:
    """Return the button that copies the address, which says all that the chart shows."""
    return html.Button(
        "Copy link",
        type="button",
        className="btn btn-sm btn-outline-primary",
        # See static/copy.js.
        **{"data-copies": ""},
    )


def register(dash: Dash, choice: Sequence[Input]) -> None:
    """Add what draws the chart; ``choice`` is what the reader has chosen."""
    dash.clientside_callback(
        ClientsideFunction("timestack", "market"),
        # Nothing is written to it: a callback without an output is called on other pages too.
        Output(_id("shown"), "data"),
        [*choice, *INPUTS, Input("look", "data")],
        State(_id("places"), "data"),
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "marketRange"),
        Input(_id("preset"), "value"),
        prevent_initial_call=True,
    )


def _id(part: str) -> str:
    return f"{NAME}-{part}"


def _places() -> dict[str, str]:
    """Where the browser asks: for one ticker, for several, and for the rows as a file."""
    return {
        "candles": url_for("api.candles.index"),
        "comparison": url_for("api.comparison.index"),
        "rows": url_for("api.export.show", table=DailyPrice.__tablename__),
    }


def _faults(address: Address) -> dbc.Alert | None:
    if not address.faults:
        return None
    return dbc.Alert([html.P(fault, className="mb-0") for fault in address.faults], color="warning")


def _tools(address: Address, compares: bool) -> html.Div:
    ranges = _buttons("preset", RANGES, address.range if address.range in RANGES else None)
    averages = dbc.Checklist(
        id=_id("averages"),
        options=[{"label": f"{days} d", "value": days} for days in AVERAGES],
        value=list(address.averages),
        className="btn-group ts-ranges",
        input_class_name="btn-check",
        label_class_name="btn btn-sm btn-outline-primary",
        label_checked_class_name="active",
    )
    alone = [
        _buttons("kind", KINDS, address.kind),
        html.Div(
            [html.Span("Averages", id=_id("averages-label")), averages],
            role="group",
            className="ts-labelled",
            **{"aria-labelledby": _id("averages-label")},
        ),
    ]
    return html.Div(
        [
            ranges,
            # Of several in percent there are neither.
            html.Div(alone, id=_id("alone"), className="ts-tools", hidden=compares),
            dbc.Switch(
                id=_id("adjusted"), label="Adjusted", value=address.adjusted, className="ts-switch"
            ),
            download.menu(_id),
        ],
        className="ts-tools",
    )


def _buttons(part: str, options: Mapping[str, str], value: str | None) -> Component:
    return dbc.RadioItems(
        id=_id(part),
        name=_id(part),
        options=[{"label": label, "value": value} for value, label in options.items()],
        value=value,
        className="btn-group ts-ranges",
        input_class_name="btn-check",
        label_class_name="btn btn-sm btn-outline-primary",
        label_checked_class_name="active",
    )
