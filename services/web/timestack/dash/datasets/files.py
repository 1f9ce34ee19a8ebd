"""Where a file is taken, and the reader's files of which nothing is made yet.

The file itself is sent by the browser (assets/drop.js), to the API.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from dash import html
from dash.development.base_component import Component
from flask import current_app, g
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack.dash.address import href
from timestack.dash.lists import Note, button, section, told
from timestack.domains.operations.words import size
from timestack.domains.uploads import store
from timestack.models.uploads import Upload
from timestack.settings import Settings


def card() -> html.Section:
    """Where a file is chosen or dropped."""
    most = size(settings().largest_upload)
    return html.Section(
        [
            html.H2("Upload a file", className="ts-eyebrow", id="upload-heading"),
            html.Div(
                [
                    html.Button(
                        "Choose a file",
                        type="button",
                        id="upload-choose",
                        className="btn btn-primary",
                    ),
                    html.P("or drop it here", className="ts-drop-hint"),
                    html.P(
                        f"CSV, CSV.gz or Parquet with a column of times, up to {most}. You see what"
                        " is in it before anything is made of it.",
                        className="ts-hint",
                    ),
                ],
                className="ts-drop",
                id="upload-drop",
            ),
            html.Div(_progress(), id="upload-progress", className="ts-upload", hidden=True),
            html.P(id="upload-fault", className="ts-job-note", role="alert"),
        ],
        className="ts-card",
        id="upload",
        **{"aria-labelledby": "upload-heading"},
    )


def _progress() -> list[Component]:
    track = html.Div(
        html.Div(id="upload-bar"),
        className="ts-bar-track",
        role="progressbar",
        id="upload-track",
        **{
            "aria-labelledby": "upload-name",
            "aria-valuemin": "0",
            "aria-valuemax": "100",
            "aria-valuenow": "0",
        },
    )
    percent = html.Span(id="upload-percent", className="ts-bar-number")
    return [
        html.P(id="upload-name", className="ts-job-title"),
        html.Div([track, percent], className="ts-bar-line"),
        html.P(id="upload-rate", className="ts-job-message"),
        html.Button(
            "Cancel",
            type="button",
            id="upload-cancel",
            className="btn btn-sm btn-outline-primary",
        ),
    ]


def listed(session: Session, note: Note) -> html.Section | None:
    """The reader's files of which nothing is made yet."""
    found = store.listed(session, g.user.id)
    if not found:
        return None
    return section("Your files", [_file(each, note) for each in found])


def _file(upload: Upload, note: Note) -> html.Li:
    if upload.complete:
        name = html.A(upload.name, href=href(upload=str(upload.id)))
        about = f"{size(upload.size)}, ready to be made a dataset"
    else:
        name = html.Span(upload.name)
        about = (
            f"{size(upload.received)} of {size(upload.size)} are here: choose the same file again,"
            " and it goes on from there"
        )
    return html.Li(
        [
            html.Div(
                [html.P(name, className="ts-job-title"), html.P(about, className="ts-job-sub")],
                className="ts-job-what",
            ),
            html.Div(discard_button(upload), className="ts-job-do"),
            told(str(upload.id), note),
        ],
        id=f"file-{upload.id}",
        className="ts-job ts-job-short",
    )


def discard_button(upload: Upload) -> html.Button:
    """The button that deletes a file."""
    return button("Discard", f" {upload.name}", verb="discard", upload=str(upload.id))


def discard(id: str) -> Note:
    """Delete a file of the reader; raises BadRequest for what is not an id."""
    try:
        known = UUID(id)
    except ValueError:
        raise BadRequest("An upload is named by its id.") from None
    store.remove(settings().uploads_dir, known, g.user.id)
    return Note(id)


def path(upload: Upload) -> Path:
    """Where the bytes of a file are."""
    return store.path(settings().uploads_dir, upload.id)


def settings() -> Settings:
    """Those of the application."""
    return current_app.config["SETTINGS"]
