"""A dataset's columns in figures, and rows of it, in tables that scroll in a frame of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from timestack.dash.table import table
from timestack.domains.datasets.describe import QUANTILES, Description
from timestack.domains.datasets.look import Rows
from timestack.domains.datasets.tables import Table

# Wider than a phone.
SHEET = "ts-sheet"


def sheet(
    columns: Sequence[str],
    cells: Sequence[Sequence[Any]],
    numbers: Sequence[int],
    label: str,
) -> html.Div:
    """Rows that may be wider than a phone, in a frame that scrolls by itself."""
    return html.Div(
        table(columns, [[_cell(each) for each in row] for row in cells], numbers, SHEET),
        className="ts-scroll",
        tabIndex=0,
        role="region",
        **{"aria-label": label},
    )


def newest(found: Rows) -> html.Section:
    """The newest rows as they are."""
    names = [each.name for each in found.columns]
    numbers = [place for place, each in enumerate(found.columns) if each.is_number]
    nothing = html.P("It has no rows.", className="text-body-secondary mb-0")
    inside = sheet(names, found.rows, numbers, "Newest rows") if found.rows else nothing
    return html.Section([html.H2("Newest rows", className="h5"), inside], className="ts-card")


def describing(about: Table) -> html.Section:
    """Where the figures of its columns are asked for: that may take seconds."""
    ask = html.Button(
        "Describe",
        id="dataset-describe",
        type="button",
        className="btn btn-sm btn-outline-primary",
        hidden=not about.extent,
    )
    return html.Section(
        [
            html.Div([html.H2("Columns", className="h5 mb-0"), ask], className="ts-card-head"),
            dcc.Loading(
                html.Div(
                    sheet(
                        ("Column", "Type"),
                        [(html.Code(name), type) for name, type in about.columns.items()],
                        (),
                        "Columns",
                    ),
                    id="dataset-figures",
                ),
                delay_show=250,
                overlay_style={"visibility": "visible", "opacity": 0.5},
                custom_spinner=html.Div(
                    html.Span("Loading", className="visually-hidden"),
                    className="spinner-border text-primary",
                    role="status",
                ),
            ),
        ],
        className="ts-card",
    )


def figures(found: Description) -> list[Component]:
    """The figures of its columns."""
    heads = ("Column", "Type", "Values", "Nulls", "Distinct", "Minimum",
             *(f"{part:.0%}" for part in QUANTILES), "Maximum", "Mean")  # fmt: skip
    cells = [
        (
            html.Code(each.name),
            each.type,
            *(f"{count:,}" for count in (each.count, each.nulls, each.distinct)),
            *(
                _figure(value)
                for value in (
                    each.lowest,
                    *((each.quantiles or {}).get(part) for part in QUANTILES),
                    each.highest,
                    each.mean,
                )
            ),
        )
        for each in found.columns
    ]
    rows = f"{found.rows:,} rows" if found.rows != 1 else "1 row"
    about = (
        f"Of all {rows}." if found.part >= 1 else f"Of a sample of {rows}, {found.part:.1%} of all."
    )
    return [
        sheet(heads, cells, range(2, len(heads)), "Figures of each column"),
        html.P(about, className="ts-job-message mb-0"),
    ]


def _figure(value: float | str | None) -> str:
    """A figure in six digits; nothing of a column that does not have it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,.6g}"


def _cell(value: Any) -> Component | str:
    if isinstance(value, Component):
        return value
    if value is None:
        return html.Span("null", className="ts-hint")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
