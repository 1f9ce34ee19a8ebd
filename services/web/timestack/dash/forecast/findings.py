"""What a forecast found, as components: the sentence, figures, tables."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from timestack.dash.forecast import words
from timestack.domains.forecast.verdict import Interval, Verdict
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
    return card(
        "intervals",
        "How sure it is",
        "By samples of blocks of days, drawn again and again. Skill is shown where both are above 0"
        " in 95 of 100.",
        table(heads, [row(*each) for each in rows], "ts-table"),
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
    return card(
        "confusion",
        "What was told, and what came",
        f"{down_right + up_right:,} of {sum(map(sum, verdict.confusion)):,} days rightly, those"
        " with a coloured ground.",
        table(heads, rows, "ts-sheet ts-matrix"),
    )


def card(part: str, heading: str, about: str, *inside: Component) -> html.Section:
    """A finding with what it is about."""
    return html.Section(
        [
            html.H2(heading, className="h5", id=f"forecast-{part}"),
            html.P(about, className="ts-job-message mb-2") if about else None,
            *inside,
        ],
        className="ts-card",
        **{"aria-labelledby": f"forecast-{part}"},
    )


def table(heads: Sequence[str], rows: Sequence[html.Tr], look: str) -> html.Table:
    """Rows below the heads of their columns, all but the first of numbers."""

    def head(number: int, text: str) -> html.Th:
        return html.Th(text, scope="col", className="ts-number" if number else None)

    cells = [head(number, text) for number, text in enumerate(heads)]
    return html.Table([html.Thead(html.Tr(cells)), html.Tbody(list(rows))], className=look)
