"""The form that a forecast is asked for by; what it is filled in with is in ``filled``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.forecast import words
from timestack.dash.forecast.filled import FEATURE
from timestack.domains.forecast import asked
from timestack.domains.forecast.tickers import Span
from timestack.domains.jobs.kinds import ForecastParams

# The name of a field, its label and what it means.
NUMBERS = {
    "folds": (
        "Folds",
        f"of the cross-validation of the train part, {asked.FEWEST_FOLDS} to {asked.MOST_FOLDS}",
        {"min": asked.FEWEST_FOLDS, "max": asked.MOST_FOLDS, "step": "1"},
    ),
    "gap": (
        "Gap",
        "trading days left out between the parts of a fold, 1 to 60",
        {"min": 1, "max": 60, "step": "1"},
    ),
    "cost": (
        "Cost of a trade",
        "in basis points of what is traded: 10 are 0.1 %",
        {"min": 0, "max": 1000, "step": "any"},
    ),
    "seed": (
        "Seed",
        "of all that is random: the same one gives the same forecast",
        {"min": 0, "max": 2**32 - 1, "step": "1"},
    ),
}
TUNING = "The best of several settings, by cross-validation. It takes some minutes."


def form(spans: Sequence[Span], filled: Mapping[str, str], faults: Sequence[str] = ()) -> html.Form:
    """Return the form; each fault is shown at its field, those of no field above it."""
    at = dict(fault.split(": ", 1) if ": " in fault else ("", fault) for fault in faults)
    known = {each.ticker.symbol: each for each in spans}
    span = known.get(filled.get("symbol", ""), spans[0])
    tickers = {
        each.ticker.symbol: " · ".join(filter(None, (each.ticker.symbol, each.ticker.name.strip())))
        for each in spans
    }
    if (wanted := filled.get("symbol", "")) and wanted not in tickers:
        tickers = {wanted: wanted, **tickers}
    values = {**_defaults(span), **filled}
    ends = {
        each.ticker.symbol: [
            f"{each.first}", f"{each.last}", f"{each.test_start}",
            f"Prices from {words.days(each.first, each.last)}.",
        ]
        for each in spans
    }  # fmt: skip
    others = [text for name, text in at.items() if name not in ForecastParams.model_fields]
    return html.Form(
        [
            *(html.P(_sentence(text), className="ts-job-note", role="alert") for text in others),
            _group(
                "What is learned",
                _field("symbol", "Ticker", "", _select("symbol", tickers, values, at), at),
                _field(
                    "test_start",
                    "First day of the test part",
                    html.Span(ends[span.ticker.symbol][3], id="forecast-ends"),
                    _input(
                        "test_start",
                        values,
                        at,
                        type="date",
                        min=f"{span.first}",
                        max=f"{span.last}",
                        required=True,
                    ),
                    at,
                ),
            ),
            _group(
                "By what",
                _field(
                    "classifier",
                    "Classifier",
                    "",
                    _select("classifier", asked.CLASSIFIERS, values, at),
                    at,
                ),
                html.Div(
                    [
                        dbc.Checkbox(
                            id="start-tuning",
                            name="tuning",
                            label="Tune its settings",
                            value=bool(values.get("tuning")),
                        ),
                        html.P(TUNING, className="form-text"),
                    ],
                    className="ts-field",
                ),
                _features(values, at.get("features")),
                *(_number(name, values, at) for name in ("folds", "gap")),
            ),
            _group(
                "How it trades",
                _field(
                    "positions",
                    "Positions",
                    "",
                    _select("positions", asked.POSITIONS, values, at),
                    at,
                ),
                *(_number(name, values, at) for name in ("cost", "seed")),
            ),
            html.Div(
                [
                    html.Button("Start", type="submit", className="btn btn-primary"),
                    html.A("Not now", href=href(), className="btn btn-outline-primary"),
                ],
                className="ts-job-do",
            ),
        ],
        className="ts-forecast-form",
        **{"data-start": "forecast.train", "data-ends": json.dumps(ends)},
    )


def _defaults(span: Span) -> dict[str, str]:
    fields = ForecastParams.model_fields
    return {
        "symbol": span.ticker.symbol,
        "test_start": f"{span.test_start}",
        "classifier": next(iter(asked.CLASSIFIERS)),
        "positions": fields["positions"].default,
        **{name: f"{fields[name].default:g}" for name in NUMBERS},
    }


def _group(legend: str, *fields: Component) -> html.Fieldset:
    return html.Fieldset([html.Legend(legend, className="ts-eyebrow"), html.Div(fields)])


def _field(
    name: str, label: str, hint: Any, control: Component, faults: Mapping[str, str]
) -> html.Div:
    fault = faults.get(name)
    return html.Div(
        [
            html.Label(label, htmlFor=f"start-{name}", className="form-label"),
            control,
            html.P(_sentence(fault), className="ts-field-errors", role="alert") if fault else None,
            html.P(hint, className="form-text") if hint else None,
        ],
        className="ts-field",
        id=f"start-{name}-field",
    )


def _select(
    name: str, offered: Mapping[str, str], values: Mapping[str, str], faults: Mapping[str, str]
) -> dbc.Select:
    options = [{"value": value, "label": label} for value, label in offered.items()]
    shown = values[name] if values[name] in offered else next(iter(offered))
    return dbc.Select(
        id=f"start-{name}", name=name, options=options, value=shown, invalid=name in faults
    )


def _input(
    name: str, values: Mapping[str, str], faults: Mapping[str, str], **props: Any
) -> dbc.Input:
    return dbc.Input(
        id=f"start-{name}",
        name=name,
        value=values.get(name, ""),
        invalid=name in faults,
        autocomplete="off",
        **props,
    )


def _number(name: str, values: Mapping[str, str], faults: Mapping[str, str]) -> html.Div:
    label, hint, bounds = NUMBERS[name]
    field = _input(name, values, faults, type="number", required=True, **bounds)
    return _field(name, label, f"{hint[:1].upper()}{hint[1:]}.", field, faults)


def _features(values: Mapping[str, str], fault: str | None) -> html.Fieldset:
    return html.Fieldset(
        [
            html.Legend("Features", className="form-label"),
            html.Div(
                [
                    dbc.Checkbox(
                        id=f"start-{FEATURE}{name}",
                        name=f"{FEATURE}{name}",
                        label=label,
                        value=bool(values.get(f"{FEATURE}{name}")),
                    )
                    for name, label in asked.FEATURES.items()
                ],
                className="ts-boxes",
            ),
            html.P(_sentence(fault), className="ts-field-errors", role="alert") if fault else None,
        ],
        className="ts-field ts-whole",
        id="start-features-field",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
