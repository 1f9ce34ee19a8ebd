"""The menu that downloads the rows of a chart, over the range that it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from dash import Output, html
from dash.development.base_component import Component
from flask import url_for

from timestack.dash.timechart.line import Rows
from timestack.dash.timechart.ranges import Window
from timestack.series.query import MICROSECOND

# As the export calls them -> the label, and what it is good for.
FORMATS = {
    "csv": ("CSV", "spreadsheets"),
    "parquet": ("Parquet", "pandas, R, DuckDB"),
    "ndjson": ("NDJSON", "a row a line"),
    "arrow": ("Arrow", "a typed stream"),
    "json": ("JSON", "one document"),
}


def address(rows: Rows | None, seen: Window) -> str | None:
    """Return where rows over a range are exported, but for the format; None without rows."""
    if rows is None:
        return None
    asked = {
        **{f"key.{column}": value for column, value in rows.keys.items()},
        "start": _text(seen.start),
        # What is shown ends with its last row, an export before its end.
        "end": _text(seen.end + MICROSECOND),
    }
    return f"{url_for('api.export.show', table=rows.table)}?{urlencode(asked, doseq=True)}"


def menu(id: Callable[[str], str], where: str | None) -> html.Details:
    """Return the menu of a chart; ``id`` names its parts, ``where`` is an ``address``."""
    return html.Details(
        [
            html.Summary("Download", className="btn btn-sm btn-outline-primary"),
            html.Div(
                [
                    html.P("All rows in the range shown, as"),
                    html.Ul([html.Li(_link(id, where, format)) for format in FORMATS]),
                ],
                className="ts-menu-list",
            ),
        ],
        id=id("download"),
        className="ts-menu",
        hidden=where is None,
    )


def outputs(id: Callable[[str], str]) -> list[Output]:
    """Return what changes with the range: whether there is a menu, and each link's address."""
    return [
        Output(id("download"), "hidden"),
        *(Output(id(f"download-{format}"), "href") for format in FORMATS),
    ]


def _link(id: Callable[[str], str], where: str | None, format: str) -> Component:
    label, use = FORMATS[format]
    return html.A(
        [label, html.Span(use)],
        id=id(f"download-{format}"),
        href=f"{where}&format={format}" if where else None,
        # The server names the file.
        download="",
    )


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
