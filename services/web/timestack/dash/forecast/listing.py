"""The list of forecasts, as components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.forecast import words
from timestack.dash.forecast.address import MOST
from timestack.domains.forecast.verdict import Verdict
from timestack.models.forecasts import Forecast

HEADS = (
    "Compare",
    "Ticker",
    "Classifier",
    "Test part",
    "Tuning",
    "Positions",
    "Profit",
    "Buy and hold",
    "Hit rate",
    "Always up",
    "Deepest fall",
    "Skill",
)
NUMBERS = range(6, 11)


def listed(found: Sequence[Forecast], older: str | None, newest: str | None) -> html.Section:
    """Forecasts below each other; ``older`` and ``newest`` are links to other parts of the list."""
    head = html.Tr(
        [
            html.Th(name, scope="col", className="ts-number" if number in NUMBERS else None)
            for number, name in enumerate(HEADS)
        ]
    )
    links = [
        html.A(label, href=link, className="btn btn-sm btn-outline-primary")
        for label, link in (("Newest", newest), ("Older", older))
        if link
    ]
    return html.Section(
        [
            html.H2("Forecasts", className="ts-eyebrow", id="forecast-list"),
            html.Table(
                [html.Thead(head), html.Tbody([_row(each) for each in found])],
                className="ts-table ts-forecasts",
            ),
            html.Nav(links, className="ts-pages", **{"aria-label": "Pages"}) if links else None,
        ],
        className="ts-card",
        **{"aria-labelledby": "forecast-list"},
    )


def _row(each: Forecast) -> html.Tr:
    verdict = Verdict.model_validate(each.verdict)
    asked = words.params(each.settings)
    name = words.name(asked)
    link = html.A(
        [each.ticker.symbol, html.Span(f", forecast {each.id}", className="visually-hidden")],
        href=href(id=str(each.id)),
    )
    cells: list[Component | str] = [
        _pick(each.id, f"{name}, forecast {each.id}"),
        link,
        words.classifier(asked),
        html.Span(
            [
                html.Span(f"from {words.day(each.test_day)}"),
                html.Span(f", {words.several(each.test_rows, 'day')}", className="ts-hint"),
            ]
        ),
        words.tuning(asked),
        words.positions(asked),
        words.change(verdict.profit),
        words.change(verdict.held),
        words.percent(verdict.hit_rate),
        words.percent(verdict.up_rate),
        words.percent(-verdict.drawdown),
        words.skill(shown=verdict.skill),
    ]
    return html.Tr(
        [
            html.Td(
                cell,
                className="ts-number" if number in NUMBERS else None,
                **{"data-label": HEADS[number]},
            )
            for number, cell in enumerate(cells)
        ],
        id=f"forecast-{each.id}",
    )


def _pick(id: int, name: str) -> html.Button:
    """What chooses a forecast to be compared (assets/forecast.js)."""
    return html.Button(
        "",
        type="button",
        role="checkbox",
        className="ts-pick",
        **{"aria-checked": "false", "aria-label": f"Compare {name}", "data-pick": str(id)},
    )


def comparing() -> html.Div:
    """What is to be compared, kept by the browser while the list comes and goes."""
    return html.Div(
        [
            html.P(
                f"Choose up to {MOST} forecasts to compare.",
                id="forecast-picked",
                role="status",
                **{"data-most": str(MOST)},
            ),
            html.A(
                "Compare",
                id="forecast-compare",
                href="?",
                className="btn btn-sm btn-primary",
                hidden=True,
            ),
            html.Button(
                "Clear",
                id="forecast-clear",
                type="button",
                className="btn btn-sm btn-outline-primary",
                hidden=True,
            ),
            dcc.Store(id="forecast-marked"),
        ],
        className="ts-compare",
    )


def nothing(symbol: str | None, *, editor: bool, prices: bool) -> html.Section:
    """There is no forecast, and what to do."""
    if symbol:
        heading = f"No forecast of {symbol}"
        said: list = ["Choose another ticker above, or ", html.A("show all", href=href()), "."]
    elif not prices:
        heading = "No prices to learn from"
        said = [
            "A forecast needs a ticker's daily prices: the ",
            html.A("Markets page", href="markets"),
            " says how they come.",
        ]
    else:
        heading = "No forecasts yet"
        said = [
            "A model learns a ticker's direction from one part of its days, and is judged on the"
            " later part, which it has not seen. ",
            *(
                [html.A("Make the first one", href=href(start="1")), "."]
                if editor
                else ["Whoever may edit can make the first one here."]
            ),
        ]
    return html.Section(
        [html.H2(heading, className="h4"), html.P(said)],
        className="ts-state",
        id="forecast-other" if symbol else "forecast-none",
    )


def filter_card(symbols: Mapping[str, str], chosen: str) -> Component:
    """The drop-down of tickers; each symbol or key with its label."""
    return html.Div(
        [
            html.Label("Ticker", htmlFor="forecast-ticker"),
            dbc.Select(
                id="forecast-ticker",
                options=[{"value": value, "label": label} for value, label in symbols.items()],
                value=chosen,
            ),
        ]
    )
