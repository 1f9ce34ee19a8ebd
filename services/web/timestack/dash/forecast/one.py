"""One forecast, as components: what it says, its charts, its figures, how to make it again."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.datasets import dialog
from timestack.dash.forecast import address, chart, findings, learned, words
from timestack.dash.lists import exact
from timestack.domains.forecast.verdict import Course, Verdict
from timestack.domains.jobs.kinds import ForecastParams
from timestack.models.forecasts import Forecast

# Digits of a hash that tell two apart.
SHORT = 12


def head(forecast: Forecast, *, editor: bool) -> html.Div:
    """What it is of, and what can be done with it."""
    asked = words.params(forecast.settings)
    name = words.name(asked)
    tools: list[Component] = []
    if editor:
        look = "btn btn-sm btn-outline-primary"
        tools = [
            html.A("Again with other settings", href=address.again(asked), className=look),
            dialog.opener(
                "Delete…", "forecast-delete", about=f" {name}", look="btn-outline-danger"
            ),
        ]
    return html.Div(
        [
            html.Div(
                [
                    html.H1(name, className="h3 mb-0"),
                    html.P(_about(forecast), className="ts-page-about"),
                ]
            ),
            html.A("All forecasts", href=href()),
            html.Div(
                [
                    *tools,
                    html.Button(
                        "Copy link",
                        type="button",
                        className="btn btn-sm btn-outline-primary",
                        # See static/copy.js.
                        **{"data-copies": ""},
                    ),
                ],
                className="ts-tools ts-forecast-tools",
            ),
        ],
        className="ts-page-head",
    )


def _about(forecast: Forecast) -> str:
    return (
        f"Trained on the days before {words.day(forecast.test_day)}, and judged on"
        f" {words.several(forecast.test_rows, 'day')} that it had not seen, to"
        f" {words.day(forecast.last_day)}."
    )


def delete(forecast: Forecast) -> html.Dialog:
    """The dialog that its button opens."""
    asked = words.params(forecast.settings)
    name = words.name(asked)
    gone = (
        "What it found will be gone, for everybody. With the same settings, prices and versions it"
        " can be made again."
    )
    return dialog.dialog(
        "forecast-delete",
        f"Delete the forecast {forecast.id} of {name}?",
        [html.P(gone)],
        do="Delete it",
        look="btn-danger",
        verb="delete",
        forecast=str(forecast.id),
    )


def parts(forecast: Forecast) -> list[Component]:
    """All that there is to see of it."""
    verdict = Verdict.model_validate(forecast.verdict)
    course = Course.model_validate(forecast.course)
    asked = words.params(forecast.settings)
    symbol = forecast.ticker.symbol
    return [
        findings.sentence(verdict),
        findings.figures(verdict, asked),
        chart.price(symbol),
        html.Div([chart.profit(), chart.fall()], className="ts-pair"),
        html.Div(
            [
                html.Div(
                    [
                        findings.intervals(verdict),
                        findings.confusion(verdict),
                        learned.search(verdict, asked),
                    ],
                    className="ts-charts",
                ),
                html.Div(
                    [learned.importance(verdict), _made(forecast, asked)], className="ts-charts"
                ),
            ],
            className="ts-pair",
        ),
        *chart.store(chart.whole(course, verdict, words.classifier(asked), symbol)),
    ]


def _made(forecast: Forecast, asked: ForecastParams) -> html.Section:
    """What it takes to make it again."""
    versions = ", ".join(f"{name} {each}" for name, each in sorted(forecast.versions.items()))
    facts: dict[str, Component | str | list] = {
        **words.settings(asked),
        "First day": words.day(forecast.first_day),
        "Test part": words.days(forecast.test_day, forecast.last_day),
        "Rows": f"{forecast.train_rows:,} to learn from, {forecast.test_rows:,} to be judged by",
        "Data hash": [
            html.Code(forecast.data_hash[:SHORT], title=forecast.data_hash),
            " ",
            html.Span(forecast.data_hash, id="forecast-hash", hidden=True),
            html.Button(
                "Copy all of it",
                type="button",
                className="btn btn-link ts-link",
                **{"data-copies": "forecast-hash"},
            ),
        ],
        "Versions": versions,
        "Made": exact(forecast.created_at),
        "Took": f"{forecast.seconds:,.1f} s",
    }
    return html.Section(
        [
            html.H2("How it was made", className="h5", id="forecast-made"),
            html.P(
                "The same settings, prices and versions give the same forecast.",
                className="ts-job-message mb-3",
            ),
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts.items()],
                className="ts-facts",
            ),
        ],
        className="ts-card",
        **{"aria-labelledby": "forecast-made"},
    )
