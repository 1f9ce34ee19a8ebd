"""The form that a forecast is asked for by; what it is filled in with is in ``filled``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.forecast import words
from timestack.dash.forecast.filled import FEATURE, KIND, NUMBERS
from timestack.domains.forecast import asked
from timestack.domains.forecast.tickers import Span
from timestack.domains.jobs import forms, kinds
from timestack.domains.jobs.kinds import ForecastParams

# The name of a number, its label and what it means.
LABELS = {
    "folds": ("Folds", "Of the cross-validation before the test part"),
    "gap": ("Gap", "Days of trading left out between the parts of a fold"),
    "cost": ("Cost of a trade", "Of what is traded, in basis points (10 are 0.1 %)"),
    "seed": ("Seed", "Of all that is random: the same one gives the same forecast"),
}
TUNING = "The best of several settings, by cross-validation. It takes two minutes at most."
SCHEMA = forms.fields(kinds.find(KIND))


def form(spans: Sequence[Span], filled: Mapping[str, str], faults: Sequence[str] = ()) -> html.Form:
    """Return the form; each fault is shown at its field, those of no field above it.

    ``spans`` are those of the tickers to choose from, one at least.
    """
    at = dict(fault.split(": ", 1) if ": " in fault else ("", fault) for fault in faults)
    known = {each.ticker.symbol: each for each in spans}
    span = known.get(filled.get("symbol", ""), spans[0])
    fields = _Fields({**_defaults(span), **filled}, at)
    others = [text for name, text in at.items() if name not in ForecastParams.model_fields]
    return html.Form(
        [
            *(html.P(_sentence(text), className="ts-job-note", role="alert") for text in others),
            _group(
                "What is learned",
                fields.select("symbol", "Ticker", _tickers(spans, filled.get("symbol"))),
                fields.day(span),
            ),
            _group(
                "By what",
                fields.select("classifier", "Classifier", asked.CLASSIFIERS),
                fields.tuning(),
                fields.features(),
                fields.number("folds"),
                fields.number("gap"),
            ),
            _group(
                "How it trades",
                fields.select("positions", "Positions", asked.POSITIONS),
                fields.number("cost"),
                fields.number("seed"),
            ),
            html.Div(
                [
                    html.Button("Start", type="submit", className="btn btn-primary"),
                    html.A("Not now", href=href(), className="btn btn-outline-primary"),
                ],
                className="ts-job-do",
            ),
        ],
        className="ts-card ts-forecast-form",
        # For assets/jobs.js, and for assets/forecast.js.
        **{"data-start": KIND, "data-ends": _ends(spans)},
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


def _tickers(spans: Sequence[Span], wanted: str | None) -> dict[str, str]:
    """Each symbol with what it is called; ``wanted`` as well, which may be gone."""
    gone = {wanted: wanted} if wanted else {}
    return gone | {
        each.ticker.symbol: " · ".join(filter(None, (each.ticker.symbol, each.ticker.name.strip())))
        for each in spans
    }


def _ends(spans: Sequence[Span]) -> str:
    """The first and last day of each ticker, its usual one to begin at, and these in words."""
    return json.dumps(
        {
            each.ticker.symbol: [
                *map(str, (each.first, each.last, each.test_start)),
                _prices(each),
            ]
            for each in spans
        }
    )


def _prices(span: Span) -> str:
    return f"Prices from {words.days(span.first, span.last)}."


def _group(legend: str, *fields: Component) -> html.Fieldset:
    return html.Fieldset([html.Legend(legend, className="ts-eyebrow"), html.Div(fields)])


@dataclass(frozen=True)
class _Fields:
    """The fields with what they are filled in with, and what is wrong with some."""

    values: Mapping[str, str]
    faults: Mapping[str, str]

    def select(self, name: str, label: str, offered: Mapping[str, str]) -> html.Div:
        options = [{"value": value, "label": text} for value, text in offered.items()]
        given = self.values[name]
        shown = given if given in offered else next(iter(offered))
        control = dbc.Select(
            id=f"start-{name}",
            name=name,
            options=options,
            value=shown,
            invalid=name in self.faults,
        )
        return self._field(name, label, control)

    def day(self, span: Span) -> html.Div:
        control = self._input("test_start", type="date", min=f"{span.first}", max=f"{span.last}")
        hint = html.Span(_prices(span), id="forecast-ends")
        return self._field("test_start", "First day of the test part", control, hint)

    def number(self, name: str) -> html.Div:
        label, hint = LABELS[name]
        field = SCHEMA[name]
        bounds = {"min": field["minimum"], "max": field.get("maximum")}
        if bounds["max"] is not None:
            hint = f"{hint}, {bounds['min']:g} to {bounds['max']:g}"
        step = "1" if field["type"] == "integer" else "any"
        control = self._input(name, type="number", step=step, **bounds)
        return self._field(name, label, control, f"{hint}.")

    def tuning(self) -> html.Div:
        hint = html.P(TUNING, className="form-text")
        return html.Div([self._box("tuning", "Tune its settings"), hint], className="ts-field")

    def features(self) -> html.Fieldset:
        boxes = [self._box(f"{FEATURE}{name}", label) for name, label in asked.FEATURES.items()]
        return html.Fieldset(
            [
                html.Legend("Features", className="form-label"),
                html.Div(boxes, className="ts-boxes"),
                self._fault("features"),
            ],
            className="ts-field ts-whole",
            id="start-features-field",
        )

    def _field(self, name: str, label: str, control: Component, hint: Any = None) -> html.Div:
        return html.Div(
            [
                html.Label(label, htmlFor=f"start-{name}", className="form-label"),
                control,
                self._fault(name),
                html.P(hint, className="form-text") if hint else None,
            ],
            className="ts-field",
            id=f"start-{name}-field",
        )

    def _fault(self, name: str) -> html.P | None:
        if name not in self.faults:
            return None
        return html.P(_sentence(self.faults[name]), className="ts-field-errors", role="alert")

    def _input(self, name: str, **props: Any) -> dbc.Input:
        return dbc.Input(
            id=f"start-{name}",
            name=name,
            value=self.values.get(name, ""),
            invalid=name in self.faults,
            required=True,
            autocomplete="off",
            **props,
        )

    def _box(self, name: str, label: str) -> dbc.Checkbox:
        is_ticked = bool(self.values.get(name))
        return dbc.Checkbox(id=f"start-{name}", name=name, label=label, value=is_ticked)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
