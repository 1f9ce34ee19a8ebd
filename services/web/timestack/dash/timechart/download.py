"""The menu that downloads the rows of a chart, over the range that it shows.

assets/chart.js gives its links their addresses: those of the export, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable

from dash import html
from dash.development.base_component import Component

# As the export calls them -> the label, and what it is good for.
FORMATS = {
    "csv": ("CSV", "spreadsheets"),
    "parquet": ("Parquet", "pandas, R, DuckDB"),
    "ndjson": ("NDJSON", "a row a line"),
    "arrow": ("Arrow", "a typed stream"),
    "json": ("JSON", "one document"),
}


def menu(id: Callable[[str], str]) -> html.Details:
    """Return the menu of a chart, hidden until there are rows; ``id`` names its parts."""
    return html.Details(
        [
            html.Summary("Download", className="btn btn-sm btn-outline-primary"),
            html.Div(
                [
                    html.P("All rows in the range shown, as"),
                    html.Ul([html.Li(_link(id, format)) for format in FORMATS]),
                ],
                className="ts-menu-list",
            ),
        ],
        id=id("download"),
        className="ts-menu",
        hidden=True,
    )


def _link(id: Callable[[str], str], format: str) -> Component:
    label, use = FORMATS[format]
    # The server names the file.
    return html.A(
        [label, html.Span(use)],
        id=id(f"download-{format}"),
        download="",
        **{"data-format": format},
    )
