"""One dataset, as components: what it is, its figures, its newest rows, and what can be done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask import url_for

from timestack.dash.address import href
from timestack.dash.datasets import dialog
from timestack.dash.datasets.entries import Entry
from timestack.dash.datasets.listing import chips, owner, rows
from timestack.dash.jobs import parts
from timestack.dash.lists import button, time
from timestack.dash.timechart.download import FORMATS
from timestack.domains.datasets.access import LONGEST_NAME
from timestack.domains.operations.words import size
from timestack.models.jobs import UNFINISHED, Job

# State -> what is going on.
HEADINGS = {
    "preparing": "Its table is being made",
    "loading": "The file is being loaded",
    "deleting": "It is being deleted",
}
# Whether it was to be deleted -> what to do when it ended otherwise.
AGAIN = {
    True: "Delete it again; if that does not help, an administrator sees the job on the Jobs page.",
    False: "Delete it, then correct the file, or its columns, and make it again: for a day the file"
    " is kept among yours.",
}


def head(entry: Entry) -> html.Div:
    """Its name, and what becomes of it."""
    return html.Div(
        [
            html.H1([html.Span(entry.name), *chips(entry)], className="h3 mb-0 ts-job-title"),
            html.A("All datasets", href=href()),
        ],
        className="ts-page-head",
    )


def tools(entry: Entry, *, may_change: bool) -> html.Div | None:
    """What can be done with it."""
    name = entry.name
    shown: list[Component] = []
    if may_change and entry.state in ("ready", "failed"):
        public = entry.row.visibility == "everybody"
        label, to = ("Make private", "mine") if public else ("Show to everybody", "everybody")
        if entry.state == "ready":
            shown += [
                button(label, f": {name}", verb="show", dataset=str(entry.row.id), to=to),
                dialog.opener("Rename…", "datasets-rename", about=f" {name}"),
            ]
        look = "btn-outline-danger"
        shown.append(dialog.opener("Delete…", "datasets-delete", about=f" {name}", look=look))
    if entry.now:
        shown.append(_downloads(entry))
    return html.Div(shown, className="ts-tools") if shown else None


def _downloads(entry: Entry) -> html.Details:
    where = url_for("api.export.show", table=entry.table)
    links = [
        html.Li(
            html.A(
                [label, html.Span(use)],
                href=f"{where}?format={format}",
                # The server names the file.
                download="",
            )
        )
        for format, (label, use) in FORMATS.items()
    ]
    return html.Details(
        [
            html.Summary("Download", className="btn btn-sm btn-outline-primary"),
            html.Div([html.P("All rows, as"), html.Ul(links)], className="ts-menu-list"),
        ],
        className="ts-menu",
    )


def dialogs(entry: Entry) -> list[Component]:
    """The dialogs that its buttons open."""
    name, id = entry.name, str(entry.row.id)
    field = html.Div(
        [
            html.Label("New name", htmlFor="datasets-new-name", className="form-label"),
            dbc.Input(
                id="datasets-new-name",
                name="name",
                value=name,
                required=True,
                maxlength=LONGEST_NAME,
                autocomplete="off",
            ),
            html.P("Links with the old name will lead nowhere.", className="form-text"),
        ],
        className="ts-field",
    )
    held = f"Its {rows(entry)} rows ({size(entry.now.size)} on disk)" if entry.now else "All of it"
    gone = html.P(f"{held} will be gone, for everybody and for good.")
    return [
        dialog.dialog(
            "datasets-rename",
            f"Rename {name}",
            [field],
            do="Rename",
            verb="rename",
            dataset=id,
        ),
        dialog.dialog(
            "datasets-delete",
            f"Delete {name}?",
            [gone],
            do=f"Delete {name}",
            look="btn-danger",
            verb="delete",
            dataset=id,
        ),
    ]


def facts(entry: Entry, me: int, now: datetime) -> html.Ul:
    """How much it holds, of when."""
    extent = entry.now.extent
    shown: dict[str, Any] = {
        "rows": rows(entry),
        "on disk": size(entry.now.size),
        "chunks": f"{entry.now.chunks:,}",
        "oldest row": time(extent.first, now) if extent else "none",
        "newest row": time(extent.last, now) if extent else "none",
        "owner": owner(entry, me),
    }
    return html.Ul(
        [
            html.Li(
                html.Div(
                    [html.Span(value, className="ts-count"), html.Span(name)],
                    className="ts-count-box",
                ),
                id=f"dataset-fact-{number}",
            )
            for number, (name, value) in enumerate(shown.items())
        ],
        className="ts-counts ts-counts-six",
    )


def making(
    entry: Entry, job: Job | None, setting: parts.Setting, *, may_change: bool
) -> html.Section:
    """How far the job is that makes, loads or deletes it, or why that ended otherwise."""
    failed = "It was not deleted" if entry.row.state == "deleting" else "The file was not loaded"
    if entry.state == "failed":
        inside = [
            html.P(f"{entry.message[:1].upper()}{entry.message[1:]}", className="ts-job-fault")
        ]
        if may_change:
            inside.append(html.P(AGAIN[entry.row.state == "deleting"], className="ts-job-message"))
    else:
        inside = parts.state(job, setting) if job else []
    cancel = html.Div(_cancel(entry, job) if may_change else [], className="ts-job-do")
    return html.Section(
        [
            html.Div(
                [html.H2(HEADINGS.get(entry.state, failed), className="h5 mb-0"), cancel],
                className="ts-card-head",
            ),
            html.Div(inside, className="ts-job-how"),
        ],
        className="ts-card",
        id="dataset-making",
        role="status",
    )


def _cancel(entry: Entry, job: Job | None) -> list[Component]:
    wanted = entry.state in ("preparing", "loading") and job and job.state in UNFINISHED
    if not wanted or job.cancel_requested_at:
        return []
    return [button("Cancel", f" {entry.name}", verb="cancel", dataset=str(entry.row.id))]
