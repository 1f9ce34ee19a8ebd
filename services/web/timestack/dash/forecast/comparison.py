"""Several forecasts side by side, as components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.forecast import chart, words
from timestack.domains.forecast.verdict import Course, Verdict
from timestack.models.forecasts import Forecast


def head(found: Sequence[Forecast]) -> html.Div:
    """How many they are."""
    return html.Div(
        [
            html.H1(f"{len(found)} forecasts compared", className="h3 mb-0"),
            html.A("All forecasts", href=href()),
        ],
        className="ts-page-head",
    )


def parts(found: Sequence[Forecast]) -> list[Component]:
    """Their profits in one chart, and a table of settings and figures."""
    lines = [
        chart.line(
            Course.model_validate(each.course), Verdict.model_validate(each.verdict), _label(each)
        )
        for each in found
    ]
    return [chart.profit(), _table(found), *chart.store({"lines": lines, "held": _same(lines)})]


def _label(each: Forecast) -> str:
    return f"{each.id}: {words.name(words.params(each.settings))}"


def _same(lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether buy-and-hold is one and the same for all of them: of the same days, at one cost."""
    return all(
        (each["days"], each["held"]) == (lines[0]["days"], lines[0]["held"]) for each in lines
    )


def _facts(each: Forecast) -> dict[str, str]:
    asked = words.params(each.settings)
    verdict = Verdict.model_validate(each.verdict)
    return {
        "Ticker": each.ticker.symbol,
        **words.settings(asked),
        "Test part from": words.day(each.test_day),
        "Test part to": words.day(each.last_day),
        "Profit": words.change(verdict.profit),
        "Buy and hold": words.change(verdict.held),
        "Hit rate": words.percent(verdict.hit_rate),
        "Always up": words.percent(verdict.up_rate),
        "Deepest fall": words.percent(-verdict.drawdown),
        "Deepest fall, held": words.percent(-verdict.held_drawdown),
        "Trades": f"{verdict.trades:,}",
        "Return above buy and hold, a day": (
            f"{words.daily(verdict.excess.value)} ({words.between(verdict.excess, words.daily)})"
        ),
        "Hit rate above always up": (
            f"{words.points(verdict.edge.value)} ({words.between(verdict.edge, words.points)})"
        ),
        "Skill": words.skill(shown=verdict.skill),
    }


def _table(found: Sequence[Forecast]) -> html.Section:
    facts = [_facts(each) for each in found]
    heads = [
        html.Th("Forecast", scope="col"),
        *(html.Th(html.A(_label(each), href=href(id=str(each.id))), scope="col") for each in found),
    ]
    rows = [_row(name, [each[name] for each in facts]) for name in facts[0]]
    return html.Section(
        [
            html.H2("Settings and figures", className="h5", id="forecast-side"),
            html.P("What they do not have in common is in bold.", className="ts-job-message mb-2"),
            html.Div(
                html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="ts-sheet"),
                className="ts-scroll",
                tabIndex=0,
                role="region",
                **{"aria-label": "Table of settings and figures"},
            ),
        ],
        className="ts-card ts-side",
        **{"aria-labelledby": "forecast-side"},
    )


def _row(name: str, values: Sequence[str]) -> html.Tr:
    differs = len(set(values)) > 1
    return html.Tr(
        [html.Th(name, scope="row"), *(html.Td(each) for each in values)],
        className="ts-differs" if differs else None,
    )
