"""What the browser draws of forecasts (assets/forecast.js), and the places where it does.

A course travels as arrays: each day by how many it is after the one before, the first after 1970;
prices in five digits, profits in hundredths of a percent. All is kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from timestack.dash.forecast import words
from timestack.domains.forecast.verdict import Course, Verdict

EPOCH = date(1970, 1, 1)
SPANS = {"test": "Test part", "all": "All days"}


def line(course: Course, verdict: Verdict, label: str) -> dict[str, Any]:
    """Return how a forecast's profit went, as the browser draws it, and what it came to."""
    return {
        "label": label,
        "profitSaid": words.change(verdict.profit),
        "heldSaid": words.change(verdict.held),
        "days": _days(course.days[course.split :]),
        "profit": _parts(course.profit),
        "held": _parts(course.held),
    }


def whole(course: Course, verdict: Verdict, label: str, symbol: str) -> dict[str, Any]:
    """Return all of a forecast's course."""
    return {
        **line(course, verdict, label),
        "fallSaid": words.percent(-verdict.drawdown),
        "heldFallSaid": words.percent(-verdict.held_drawdown),
        "symbol": symbol,
        "allDays": _days(course.days),
        "prices": [float(f"{price:.5g}") for price in course.prices],
        "split": course.split,
        "splitLabel": f"test part from {words.day(course.days[course.split])}",
        "positions": course.positions,
    }


def _days(days: Sequence[date]) -> list[int]:
    first = [(each - EPOCH).days for each in days[:1]]
    return first + [(later - earlier).days for earlier, later in pairwise(days)]


def _parts(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def price(symbol: str) -> html.Section:
    """The card of the price, with what the model bought and sold."""
    spans = dbc.RadioItems(
        id="forecast-span",
        name="forecast-span",
        options=[{"label": label, "value": value} for value, label in SPANS.items()],
        value="test",
        className="btn-group ts-ranges",
        input_class_name="btn-check",
        label_class_name="btn btn-sm btn-outline-primary",
        label_checked_class_name="active",
    )
    return _card(
        "price",
        f"Price of {symbol}",
        "Adjusted for splits and dividends, and what the model did after each close",
        [spans],
        "ts-graph-tall",
        html.Details(
            [html.Summary("All trades in a table"), _trades()],
            className="ts-trades",
        ),
    )


def _trades() -> html.Div:
    """Where the browser writes what the marks say; it scrolls by itself."""
    return html.Div(id="forecast-trades", tabIndex=0, role="region", **{"aria-label": "Trades"})


def profit() -> html.Section:
    """The card of what the model and buy-and-hold earned."""
    return _card("profit", "Profit", "After costs, since the first close of the test part")


def fall() -> html.Section:
    """The card of how far each was below its highest value before."""
    return _card("fall", "Drawdown", "How far each is below its highest value until then")


def _card(
    part: str,
    heading: str,
    about: str,
    tools: Sequence[Component] = (),
    size: str = "ts-graph-low",
    after: Component | None = None,
) -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.H2(heading, id=f"forecast-{part}-title", className="h5 mb-0"),
                            html.P(about, className="ts-job-message"),
                        ]
                    ),
                    *([html.Div(tools, className="ts-tools")] if tools else []),
                ],
                className="ts-card-head",
            ),
            html.Div(
                html.Div(id=f"forecast-{part}-graph", className=f"ts-plot {size}"),
                className="ts-graph",
            ),
            html.P(id=f"forecast-{part}-caption", className="ts-caption"),
            after,
        ],
        className="ts-card ts-chart",
        **{"aria-labelledby": f"forecast-{part}-title"},
    )


def store(drawn: Mapping[str, Any] | None) -> list[Component]:
    """What the charts are drawn of."""
    return [dcc.Store(id="forecast-course", data=drawn), dcc.Store(id="forecast-drawn")]


def register(dash: Dash) -> None:
    """Add what draws the charts."""
    dash.clientside_callback(
        ClientsideFunction("timestack", "forecast"),
        # Nothing is written to it: a callback without an output is called on other pages too.
        Output("forecast-drawn", "data"),
        Input("forecast-course", "data"),
        Input("look", "data"),
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "forecastSpan"),
        Input("forecast-span", "value"),
        prevent_initial_call=True,
    )
