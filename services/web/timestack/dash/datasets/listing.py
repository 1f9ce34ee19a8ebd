"""The list of datasets, as components."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.dash.datasets.entries import Entry
from timestack.dash.lists import time
from timestack.dash.table import Cell, table
from timestack.domains.operations.words import size

HEADS = ("Dataset", "Owner", "Newest row", "Rows", "Size on disk", "Chunks")
NUMBERS = (3, 4, 5)
# State -> its chip.
STATES = {
    "preparing": ("being made", "ts-chip ts-chip-info"),
    "loading": ("being loaded", "ts-chip ts-chip-info"),
    "deleting": ("being deleted", "ts-chip ts-chip-warn"),
    "failed": ("failed", "ts-chip ts-chip-bad"),
}


def listed(found: Sequence[Entry], me: int, now: datetime) -> html.Section:
    """Every dataset, each a link to its page."""
    return html.Section(
        [
            html.H2("All datasets", className="ts-eyebrow", id="datasets-all"),
            table(HEADS, [_row(each, me, now) for each in found], NUMBERS),
        ],
        className="ts-card",
        **{"aria-labelledby": "datasets-all"},
    )


def _row(each: Entry, me: int, now: datetime) -> list[Cell]:
    link = html.A(each.name, href=href(dataset=each.name), className="ts-long")
    title = html.Div([link, *chips(each)], className="ts-job-title")
    if each.now is None:
        return [title, owner(each, me), "", "", "", ""]
    return [
        title,
        owner(each, me),
        time(each.now.extent.last, now) if each.now.extent else "no rows yet",
        rows(each),
        size(each.now.size),
        f"{each.now.chunks:,}",
    ]


def rows(each: Entry) -> str:
    """How many rows it has, an estimate where nobody counted."""
    counted = each.row.rows if each.row else None
    count = counted if counted is not None or each.now is None else each.now.rows
    return "not counted" if count is None else f"{count:,}"


def owner(each: Entry, me: int) -> str:
    """Whose it is."""
    if each.row is None:
        return "the project"
    if each.row.owner_id == me:
        return "you"
    return each.row.owner.email if each.row.owner else "nobody"


def chips(each: Entry) -> list[Component]:
    """What becomes of an uploaded one, and whether others see it."""
    if each.row is None:
        return []
    found = []
    if each.state in STATES:
        text, look = STATES[each.state]
        found.append(html.Span(text, className=look))
    if each.row.visibility == "mine":
        found.append(html.Span("private", className="ts-chip"))
    return found
