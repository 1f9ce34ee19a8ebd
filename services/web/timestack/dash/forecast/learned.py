"""What a model learned, as components: which features mattered, how it did while it learned."""

from __future__ import annotations

from collections.abc import Callable

from dash import html

from timestack.dash.forecast import words
from timestack.dash.forecast.findings import card, table
from timestack.domains.forecast.verdict import Importance, Verdict
from timestack.domains.jobs.kinds import ForecastParams


def importance(verdict: Verdict) -> html.Section:
    """How much each feature matters, the one that matters most first."""
    found = sorted(verdict.importance, key=lambda each: -each.mean)
    if not found:
        nothing = html.P("It was not looked at.", className="text-body-secondary")
        return card("importance", "What mattered", "", nothing)
    low = min(0.0, *(each.mean - each.spread for each in found))
    high = max(0.0, *(each.mean + each.spread for each in found))
    width = (high - low) or 1.0

    def at(value: float) -> float:
        return (value - low) / width * 100

    rows = [
        html.Tr(
            [
                html.Th(each.feature, scope="row"),
                html.Td(_bar(each, at), className="ts-weigh"),
                html.Td(
                    [
                        words.signed(each.mean),
                        html.Span(f" ± {each.spread * 100:.1f}", className="ts-hint"),
                    ],
                    className="ts-number",
                ),
            ]
        )
        for each in found
    ]
    heads = ("Feature", "Fall of the hit rate", "Points")
    return card(
        "importance",
        "What mattered",
        "How much the hit rate falls, in points, when a feature's values are shuffled, and how much"
        " that varies.",
        table(heads, rows, "ts-table ts-importance"),
    )


def _bar(each: Importance, at: Callable[[float], float]) -> html.Div:
    start, end = sorted((at(0.0), at(each.mean)))
    low, high = at(each.mean - each.spread), at(each.mean + each.spread)
    return html.Div(
        [
            html.Span(className="ts-weigh-bar", style=_across(start, end)),
            html.Span(className="ts-weigh-spread", style=_across(low, high)),
            html.Span(className="ts-weigh-zero", style={"left": f"{at(0.0):.1f}%"}),
        ],
        className="ts-weigh-track",
        **{"aria-hidden": "true"},
    )


def _across(start: float, end: float) -> dict[str, str]:
    return {"left": f"{start:.1f}%", "width": f"{end - start:.1f}%"}


def search(verdict: Verdict, asked: ForecastParams) -> html.Section:
    """How it did within the days that it learned from, and by which settings."""
    found = verdict.search
    folds = [
        html.Tr(
            [
                html.Th(f"Fold {number}", scope="row"),
                html.Td(words.percent(score), className="ts-number"),
            ]
        )
        for number, score in enumerate(found.scores, 1)
    ]
    if found.scores:
        mean = sum(found.scores) / len(found.scores)
        folds.append(
            html.Tr(
                [
                    html.Th("Mean", scope="row"),
                    html.Td(words.percent(mean), className="ts-number"),
                ]
            )
        )
    kept = html.Dl(
        [
            html.Div([html.Dt(name), html.Dd(html.Code(_written(value)))])
            for name, value in found.settings.items()
        ],
        className="ts-facts ts-kept",
    )
    return card(
        "search",
        "Cross-validation",
        f"{_tried(verdict, asked)} The hit rate by fold, all within the days before the test part.",
        table(("Fold", "Hit rate"), folds, "ts-table"),
        *([html.H3("Settings kept", className="ts-eyebrow mt-3"), kept] if found.settings else []),
    )


def _tried(verdict: Verdict, asked: ForecastParams) -> str:
    tried, of = verdict.search.tried, verdict.search.of
    if not asked.tuning:
        return "Its settings were not tuned."
    if tried < of:
        return f"{tried} of {of} settings were tried before the time was over."
    return f"All {of} settings were tried."


def _written(value: float | int | str | None) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
