"""A file that becomes a dataset: what is in it, the form of its columns, and what the form does."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from uuid import UUID

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from flask import g
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard
from timestack.dash.address import href
from timestack.dash.choice import require_text
from timestack.dash.datasets import columns as fields
from timestack.dash.datasets import files
from timestack.dash.datasets.entries import viewer
from timestack.dash.datasets.filled import Form
from timestack.domains.datasets import access, changes, declare, room
from timestack.domains.operations.words import size
from timestack.domains.uploads import store
from timestack.domains.uploads.layout import Layout
from timestack.domains.uploads.preview import Preview, preview_of
from timestack.domains.uploads.problems import FileProblem
from timestack.models.uploads import Upload
from timestack.words import sentence


class GoneError(ValueError):
    """There is no such upload, for who asks."""

    noun = "upload"

    def __init__(self):
        super().__init__(
            "There is no such file: a day after its last part it is deleted, and so it is once it"
            " has become a dataset."
        )


def columns(id: str) -> tuple[list[Component], list[Component]]:
    """Return what is above and below the sections of the page; raises GoneError."""
    upload = _find(id)
    found = _preview(upload)
    about = f"{upload.name}, {size(upload.size)}, {found.format}"
    if found.rows:
        about += f", {found.rows:,} rows"
    head = html.Div(
        [
            html.Div(
                [
                    html.H1("Make a dataset", className="h3 mb-0"),
                    html.P(about, className="ts-job-message ts-long"),
                ]
            ),
            html.A("All datasets", href=href()),
        ],
        className="ts-page-head",
    )
    live = {
        "problems": fields.problems(found.problems),
        "first": fields.first(found),
    }
    above, below = (
        html.Div(each, id=f"upload-{name}", className="ts-live") for name, each in live.items()
    )
    if not found.columns:
        return [head], [above, html.Div(files.discard_button(upload), className="ts-job-do")]
    return [head], [
        html.Form(
            [above, *fields.form(found, PurePath(upload.name).stem.partition(".")[0], below)],
            className="ts-charts",
            noValidate=True,
            **{"data-make": str(upload.id)},
        ),
        dcc.Store(id="upload-read", data=Form.kept(found)),
        dcc.Store(id="upload-filled"),
        dcc.Store(id="upload-seen"),
    ]


def register(dash: Dash) -> None:
    """Add what looks at the file again when the form changes, and what makes a dataset of it."""
    dash.clientside_callback(
        ClientsideFunction("timestack", "redraw"),
        Input("upload-seen", "data"),
        State("datasets-what", "data"),
        prevent_initial_call=True,
    )

    @dash.callback(
        Output("upload-seen", "data"),
        Input("upload-filled", "data"),
        State("upload-read", "data"),
        State("datasets-what", "data"),
        prevent_initial_call=True,
    )
    def look(given: Any, read: Any, address: Any) -> dict[str, Any]:
        guard.require("editor")
        return {"address": address, **_look(*_given(given, read))}


def _look(upload: Upload, form: Form) -> dict[str, Any]:
    """What the browser puts into the page, or where it goes on to."""
    try:
        layout = form.layout()
    except ValidationError as error:
        # The first rows stay as they were.
        return {"parts": {"upload-problems": fields.problems(form.faults(error))}}
    found = _preview(upload, layout)
    problems = found.problems
    if form.is_sent and not any(each.stops for each in problems):
        try:
            return {"go": href(dataset=_make(upload, layout, form))}
        except (
            access.NameError,
            changes.TakenError,
            changes.UsedError,
            room.NoRoomError,
        ) as error:
            problems = [FileProblem(detail=sentence(error), stops=True)]
    return {
        "parts": {
            "upload-problems": fields.problems(problems),
            "upload-first": fields.first(found),
        }
    }


def _make(upload: Upload, layout: Layout, form: Form) -> str:
    """Make the dataset's row and its jobs; returns its name."""
    room.require(files.path(upload))
    with db.session() as session:
        dataset = changes.create(
            session,
            viewer(),
            form.text("title"),
            layout,
            source=upload.name,
            upload=upload.id,
            visibility=form.text("visibility"),
            step=declare.usual_step(layout, files.path(upload), upload.name),
            unique=not form.text("several"),
            skip_bad_rows=bool(form.text("skip_bad_rows")),
            submitted_by=g.user.email,
        )
        return dataset.name


def _given(given: Any, read: Any) -> tuple[Upload, Form]:
    """The upload and its form as it is filled in; raises BadRequest for what is not ours."""
    form = Form.read(given, read)
    try:
        return _find(given.get("upload")), form
    except GoneError as error:
        raise BadRequest(str(error)) from None


def _find(id: Any) -> Upload:
    """The upload, if it is theirs and all of it is there; raises GoneError."""
    require_text(id)
    try:
        known = UUID(id)
    except ValueError:
        raise GoneError from None
    with db.session() as session:
        upload = store.find(session, known, None if viewer().is_admin else g.user.id)
    if upload is None or not upload.complete or not files.path(upload).is_file():
        raise GoneError
    return upload


def _preview(upload: Upload, layout: Layout | None = None) -> Preview:
    return preview_of(str(files.path(upload)), upload.name, complete=True, layout=layout)
