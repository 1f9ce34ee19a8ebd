"""The parts of the Operations page as components."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from timestack.dash.lists import time
from timestack.domains.operations import words
from timestack.domains.operations.check import Check, Part, State
from timestack.domains.operations.report import Report
from timestack.domains.operations.statements import Statement
from timestack.domains.operations.tables import Table

TITLES = {
    "disk": "Disk",
    "backups": "Backups",
    "redis": "Redis",
    "database": "Database",
    "queue": "Jobs",
    "drill": "Restore drill",
    "certificates": "Certificates",
    "installation": "This installation",
    "tables": "Hypertables",
    "statements": "Statements that took the most time",
}
# A colour is one of three signals: the words and the sign say the same.
CHIPS = {
    "good": ("ts-chip ts-chip-ok", "✓", "good"),
    "look": ("ts-chip ts-chip-warn", "!", "look at it"),
    "act": ("ts-chip ts-chip-bad", "✕", "act"),
}
TABLE_COLUMNS = (
    "Table", "Newest row (UTC)", "Rollups", "Rows", "Size", "Of rollups", "Chunks", "Columnstore",
)  # fmt: skip
STATEMENT_COLUMNS = ("Statement", "Of", "Mean", "Runs", "In all", "Rows")
NUMBERS_FROM = 3
# Statements on the page; the API has all that are read.
SHOWN = 10


def sections(report: Report) -> dict[str, Component]:
    """The sections of the page by name: the summary, then a card for each part."""
    made = {"summary": _summary(report)}
    for name, part in report.parts.items():
        body = [
            _checks(part),
            html.P(part.note, className="ts-finding-note") if part.note else None,
        ]
        if name == "tables" and part.rows:
            body.append(_tables(part.rows, report))
        if name == "statements" and part.rows:
            body.append(_statements(part.rows))
        made[name] = html.Section(
            [html.H2(TITLES[name], className="ts-eyebrow", id=f"heading-{name}"), *body],
            className="ts-card",
            **{"aria-labelledby": f"heading-{name}"},
        )
    return made


def chip(state: State, text: str | None = None) -> html.Span:
    """A state, or a text that has it."""
    look, sign, word = CHIPS[state]
    return html.Span([html.Span(sign, **{"aria-hidden": "true"}), text or word], className=look)


def _summary(report: Report) -> html.Section:
    bad = [(name, each) for name, each in report.checks if each.state != "good"]
    return html.Section(
        [
            html.P(
                _headline([each for _, each in bad]),
                className="ts-operations-headline",
                role="status",
            ),
            html.Ul([_check(each, TITLES[name]) for name, each in bad], className="ts-findings")
            if bad
            else None,
        ],
        className="ts-card",
        **{"aria-label": "Summary"},
    )


def _headline(bad: Sequence[Check]) -> list[Component | str]:
    act, look = (sum(each.state == state for each in bad) for state in ("act", "look"))
    if not bad:
        return [chip("good"), "All is well."]
    said = [
        f"{count} thing{'' if count == 1 else 's'} to {what}"
        for count, what in ((act, "act on"), (look, "look at"))
        if count
    ]
    return [chip("act" if act else "look"), f"{', '.join(said)}."]


def _checks(part: Part) -> html.Ul | None:
    if not part.checks:
        return None
    return html.Ul([_check(each) for each in part.checks], className="ts-findings")


def _check(each: Check, of: str = "") -> html.Li:
    """A check; with ``of``, its part, as an entry of the summary."""
    what = [
        html.P(
            [html.Span(f"{of}: " if of else "", className="ts-finding-of"), each.name],
            className="ts-finding-name",
        ),
        html.P(each.value, className="ts-finding-value"),
    ]
    if each.limits and not of:
        what.append(html.P(_upper(f"{each.limits}."), className="ts-finding-note"))
    if each.state != "good":
        what.append(_advice(each))
    return html.Li([html.Div(what), chip(each.state) if _judged(each) else None])


def _judged(each: Check) -> bool:
    """Whether it has limits; what is only shown is neither good nor bad."""
    return bool(each.limits or each.advice or each.state != "good")


def _advice(each: Check) -> html.P:
    said = _coded(each.advice)
    if each.command:
        said += [" ", html.Code(each.command)]
    if each.link:
        said += [" ", _link(each.link)]
    return html.P(said, className="ts-finding-advice")


def _link(target: str) -> html.A:
    """A link to a page of this site, which this one is a folder below."""
    name = "pgAdmin" if target.startswith("/pgadmin/") else "Jobs"
    return html.A(f"Open {name}", href=f"..{target}")


def _tables(rows: Sequence[Table], report: Report) -> html.Table:
    return _table(TABLE_COLUMNS, [_table_row(each, report) for each in rows])


def _table_row(each: Table, report: Report) -> list[Component | str]:
    return [
        html.Span(each.title, className="ts-long", title=each.name),
        time(each.newest, report.at) if each.newest else "no row",
        _lag(each),
        _rows(each.rows),
        words.size(each.bytes),
        words.size(each.rollup_bytes) if each.rollup_bytes else "–",
        words.number(each.chunks),
        str(each.compressed) if each.compressed else "–",
    ]


def _rows(count: int | None) -> str:
    if count is None:
        return "not counted"
    return f"about {words.number(count)}" if count else "0"


def _lag(each: Table) -> Component | str:
    if each.behind is None:
        return "–"
    seconds = max(each.behind.total_seconds(), 0.0)
    if each.lag == "good":
        return chip("good", "up to date")
    return chip(each.lag, f"{words.about(seconds)} behind")


def _statements(rows: Sequence[Statement]) -> html.Table:
    return _table(
        STATEMENT_COLUMNS,
        [
            [
                html.Pre(" ".join(each.text.split()), className="ts-statement", tabIndex=0),
                each.role,
                chip("look", _milliseconds(each.mean_ms))
                if each.slow
                else _milliseconds(each.mean_ms),
                words.number(each.runs),
                _milliseconds(each.total_ms),
                words.number(each.rows),
            ]
            for each in rows[:SHOWN]
        ],
    )


def _milliseconds(count: float) -> str:
    return f"{count:.2g} ms" if count < 9.95 else words.about(count / 1000)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Component | str]]) -> html.Table:
    def look(number: int) -> str | None:
        return "ts-number" if number >= NUMBERS_FROM else None

    head = [
        html.Th(each, className=look(number), scope="col") for number, each in enumerate(columns)
    ]
    body = [
        html.Tr(
            [
                html.Td(each, className=look(number), **{"data-label": columns[number]})
                for number, each in enumerate(row)
            ]
        )
        for row in rows
    ]
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="ts-table")


def _coded(text: str) -> list[Component | str]:
    """A sentence with what is in backquotes as code."""
    return [
        html.Code(part) if number % 2 else part
        for number, part in enumerate(text.split("`"))
        if part
    ]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
