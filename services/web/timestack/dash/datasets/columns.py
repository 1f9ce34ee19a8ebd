"""An uploaded file and what its columns are to become, as a form.

Its fields are called ``name-0``, ``type-0`` and ``role-0`` of the first column, and so on; the
others as the fields of a layout, or as ``changes.create`` calls them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import available_timezones

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from timestack.dash.datasets.figures import sheet
from timestack.domains.datasets.access import LONGEST_NAME as LONGEST_TITLE
from timestack.domains.uploads.layout import LONGEST_NAME, Dialect
from timestack.domains.uploads.preview import GuessedColumn, Preview
from timestack.domains.uploads.problems import FileProblem
from timestack.models.datasets import VISIBILITIES

ROLES = {"time": "Time", "key": "Key", "value": "Value", "ignored": "Leave out"}
TYPES = {
    "time": "Time",
    "integer": "Whole number",
    "number": "Number",
    "boolean": "Yes or no",
    "text": "Text",
}
# What a select says where a layout says nothing: an empty value would show as nothing.
NONE = "none"
EPOCHS = {
    NONE: "not as numbers",
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
}
ORDERS = {NONE: "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
DECIMALS = {".": "a point, 0.5", ",": "a comma, 0,5"}
SEEN_BY = {"mine": "me and the administrators", "everybody": "everybody who logs in"}
# Of the preview: what follows them is not far below.
ROWS = 8
ABOUT = (
    "One column is the time. Keys tell rows of one time apart, such as the number of a sensor: each"
    " of their values is a line of the chart. Numbers among the values can be charted."
)


def form(found: Preview, title: str, rows: Component) -> list[Component]:
    """Return the fields for a file that could be read, with its first ``rows`` among them.

    ``title`` is what the dataset is called at first.
    """
    return [
        html.Section(
            [
                html.H2("Columns", className="h5"),
                html.P(ABOUT, className="ts-job-message"),
                html.Ul(
                    [_column(number, each) for number, each in enumerate(found.columns)],
                    className="ts-jobs",
                ),
                html.Div(_dialect(found.dialect), className="ts-make-form ts-dialect"),
            ],
            className="ts-card ts-columns",
        ),
        rows,
        html.Section(
            [
                html.H2("Dataset", className="h5"),
                html.Div(
                    [
                        _text("title", "Name", title, LONGEST_TITLE),
                        _select("visibility", "Seen by", SEEN_BY, VISIBILITIES[0]),
                    ],
                    className="ts-make-form",
                ),
                _check(
                    "several",
                    "Several rows may have the same time and keys",
                    "Otherwise two such rows refuse the whole file.",
                ),
                _check(
                    "skip_bad_rows",
                    "Leave out rows that cannot be read",
                    "Otherwise one such row refuses the whole file.",
                ),
                html.Div(
                    [
                        html.Button("Make the dataset", type="submit", className="btn btn-primary"),
                        html.A("Not now", href="?", className="btn btn-outline-primary"),
                    ],
                    className="ts-job-do",
                ),
            ],
            className="ts-card ts-make-rest",
        ),
    ]


def _column(number: int, column: GuessedColumn) -> html.Li:
    label = column.label or f"Column {number + 1}"
    examples = " · ".join(column.examples) or "no cell that is not empty"
    what = [html.P(label, className="ts-job-title"), html.P(examples, className="ts-job-sub")]
    return html.Li(
        html.Div(
            [
                html.Div(what, className="ts-job-what"),
                _select(f"role-{number}", "Role", ROLES, column.role),
                _select(f"type-{number}", "Type", TYPES, column.type),
                _text(f"name-{number}", "Name", column.name, LONGEST_NAME),
            ],
            className="ts-column",
            role="group",
            **{"aria-label": label},
        )
    )


def _dialect(dialect: Dialect) -> list[Component]:
    zones = {NONE: "each time says its own", "UTC": "UTC"}
    zones |= {each: each for each in sorted(available_timezones() - {"UTC"}) if "/" in each}
    return [
        _select("zone", "Zone of times without one", zones, dialect.zone or NONE),
        _select("order", "Dates are written", ORDERS, dialect.order or NONE),
        _select("epoch", "Times as numbers", EPOCHS, dialect.epoch or NONE),
        _select("decimal", "Fractions follow", DECIMALS, dialect.decimal),
    ]


def _select(name: str, label: str, offered: Mapping[str, str], value: str) -> html.Div:
    options = [{"value": value, "label": text} for value, text in offered.items()]
    return _labelled(
        name, label, dbc.Select(id=f"make-{name}", name=name, options=options, value=value)
    )


def _text(name: str, label: str, value: str, most: int) -> html.Div:
    given = dbc.Input(
        id=f"make-{name}",
        name=name,
        value=value,
        maxlength=most,
        autocomplete="off",
    )
    return _labelled(name, label, given)


def _labelled(name: str, label: str, field: Component) -> html.Div:
    return html.Div([html.Label(label, htmlFor=f"make-{name}", className="form-label"), field])


def _check(name: str, label: str, about: str) -> html.Div:
    return html.Div(
        [
            dbc.Checkbox(id=f"make-{name}", name=name, label=label),
            html.P(about, className="form-text"),
        ],
        className="ts-field",
    )


def problems(found: Sequence[FileProblem]) -> html.Section | None:
    """What is wrong with the file, or with what was chosen; what stops it comes first."""
    if not found:
        return None
    stops = any(each.stops for each in found)
    ordered = sorted(found, key=lambda each: not each.stops)
    return html.Section(
        html.Ul([html.Li(_problem(each)) for each in ordered]),
        className=f"ts-notice ts-notice-{'bad' if stops else 'warn'} ts-problems",
        role="alert",
        **{"aria-label": "Problems"},
    )


def _problem(problem: FileProblem) -> list[str]:
    place = [f"line {problem.line:,}"] if problem.line else []
    place += [f"column {problem.column}"] if problem.column else []
    where = ", ".join(place)
    return [f"{where[:1].upper()}{where[1:]}: " if where else "", problem.detail]


def first(found: Preview) -> html.Section | None:
    """The first rows, as they would be in the table."""
    kept = [each for each in found.columns if each.role != "ignored"]
    if not found.first or not kept:
        return None
    rows = found.first[:ROWS]
    of = f" of {found.rows:,}" if found.rows else ""
    numbers = [n for n, each in enumerate(kept) if each.type in ("integer", "number")]
    return html.Section(
        [
            html.H2("As it will be", className="h5"),
            html.P(f"The first {len(rows)} rows{of}.", className="ts-job-message"),
            sheet([each.name for each in kept], rows, numbers, "First rows"),
        ],
        className="ts-card",
    )
