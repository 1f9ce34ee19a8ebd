"""What a forecast found, as components: the sentence, figures, tables."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from timestack.dash.forecast import words
from timestack.domains.forecast.verdict import Importance, Interval, Verdict
from timestack.domains.jobs.kinds import ForecastParams


def sentence(verdict: Verdict) -> html.P:
    """What it comes to."""
    return html.P(verdict.sentence, className="ts-card ts-verdict", id="forecast-verdict")


def figures(verdict: Verdict, asked: ForecastParams) -> html.Ul:
    """The figures that are compared first, each with what it is compared with."""
    shown = [
        ("profit", words.change(verdict.profit), f"buy and hold {words.change(verdict.held)}"),
        (
            "deepest fall",
            words.percent(-verdict.drawdown),
            f"buy and hold {words.percent(-verdict.held_drawdown)}",
        ),
        (
            "hit rate",
            words.percent(verdict.hit_rate),
            f"always up {words.percent(verdict.up_rate)}",
        ),
        ("trades", f"{verdict.trades:,}", f"each costs {asked.cost:g} bp"),
        ("skill", words.skill(shown=verdict.skill), "see the intervals below"),
    ]
    return html.Ul(
        [
            html.Li(
                html.Div(
                    [html.Span(name), html.Span(value, className="ts-count"), html.Span(beside)],
                    className="ts-count-box",
                )
            )
            for name, value, beside in shown
        ],
        className="ts-counts",
    )


def intervals(verdict: Verdict) -> html.Section:
    """How sure the two figures are that skill is judged by."""
    rows = [
        ("Return above buy and hold, a day", verdict.excess, words.daily),
        ("Hit rate above always up", verdict.edge, words.points),
    ]

    def row(label: str, found: Interval, write) -> html.Tr:
        return html.Tr(
            [
                html.Th(label, scope="row"),
                html.Td(write(found.value), className="ts-number"),
                html.Td(words.between(found, write), className="ts-number"),
            ]
        )

    heads = ("Figure", "Value", "In 95 of 100")
    return _card(
        "intervals",
        "How sure it is",
        "By samples of blocks of days, drawn again and again. Skill is shown where both are above 0"
        " in 95 of 100.",
        _table(heads, [row(*each) for each in rows], "ts-table"),
    )


def confusion(verdict: Verdict) -> html.Section:
    """Which days were told rightly."""
    (down_right, down_wrong), (up_wrong, up_right) = verdict.confusion

    def row(label: str, cells: Sequence[int], right: int) -> html.Tr:
        return html.Tr(
            [
                html.Th(label, scope="row"),
                *(
                    html.Td(
                        f"{count:,}",
                        className="ts-number ts-right" if number == right else "ts-number",
                    )
                    for number, count in enumerate(cells)
                ),
                html.Td(f"{sum(cells):,}", className="ts-number"),
            ]
        )

    heads = ("Days that", "told down", "told up", "all")
    rows = [
        row("fell", (down_right, down_wrong), 0),
        row("rose", (up_wrong, up_right), 1),
        row("all", (down_right + up_wrong, down_wrong + up_right), -1),
    ]
    return _card(
        "confusion",
        "What was told, and what came",
        f"{down_right + up_right:,} of {sum(map(sum, verdict.confusion)):,} days rightly, those"
        " with a coloured ground.",
        _table(heads, rows, "ts-sheet ts-matrix"),
    )


def importance(verdict: Verdict) -> html.Section:
    """How much each feature matters, the one that matters most first."""
    found = sorted(verdict.importance, key=lambda each: -each.mean)
    if not found:
        nothing = html.P("It was not looked at.", className="text-body-secondary")
        return _card("importance", "What mattered", "", nothing)
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
    return _card(
        "importance",
        "What mattered",
        "How much the hit rate falls, in points, when a feature's values are shuffled, and how much"
        " that varies.",
        _table(heads, rows, "ts-table ts-importance"),
    )


def _bar(each: Importance, at) -> html.Div:
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
    return _card(
        "search",
        "Cross-validation",
        f"{_tried(verdict, asked)} The hit rate by fold, all within the days before the test part.",
        _table(("Fold", "Hit rate"), folds, "ts-table"),
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


def _card(part: str, heading: str, about: str, *inside: Component) -> html.Section:
    return html.Section(
        [
            html.H2(heading, className="h5", id=f"forecast-{part}"),
            html.P(about, className="ts-job-message mb-2") if about else None,
            *inside,
        ],
        className="ts-card",
        **{"aria-labelledby": f"forecast-{part}"},
    )


def _table(heads: Sequence[str], rows: Sequence[html.Tr], look: str) -> html.Table:
    def head(number: int, text: str) -> html.Th:
        return html.Th(text, scope="col", className="ts-number" if number else None)

    cells = [head(number, text) for number, text in enumerate(heads)]
    return html.Table([html.Thead(html.Tr(cells)), html.Tbody(list(rows))], className=look)
