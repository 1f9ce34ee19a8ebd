"""What a button or a dialog of the Datasets page does; each asks for its role by itself."""

from __future__ import annotations

from typing import Any

from flask import g
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard
from timestack.dash.choice import require_text
from timestack.dash.datasets import files
from timestack.dash.datasets.entries import viewer
from timestack.dash.lists import Note
from timestack.domains.datasets import access, changes
from timestack.domains.jobs import control
from timestack.models.datasets import VISIBILITIES, Dataset
from timestack.words import sentence

VERBS = ("cancel", "delete", "discard", "rename", "show")


def do(asked: Any) -> Note:
    """Do what a button or a dialog asked for, and return what is to be read beside it.

    Raises BadRequest for what neither asks for, and Forbidden.
    """
    verb = asked.get("verb") if isinstance(asked, dict) else None
    if verb not in VERBS:
        raise BadRequest(f"A button asks to {', '.join(VERBS)}.")
    guard.require("editor")
    id, name, to, file = (asked.get(part, "") for part in ("dataset", "name", "to", "upload"))
    require_text(id, name, to, file)
    if verb == "discard":
        return files.discard(file)
    if verb == "show" and to not in VISIBILITIES:
        raise BadRequest(f"A dataset is for {' or '.join(VISIBILITIES)}.")
    try:
        with db.session() as session:
            dataset = _own(session, id)
            if dataset is None:
                return Note(id, "It is not there any more, or not yours to change.")
            if verb == "cancel" and dataset.job_id:
                control.cancel(session, dataset.job_id)
            elif verb == "delete":
                changes.delete(session, dataset, submitted_by=g.user.email)
            elif verb == "rename":
                changes.change(session, dataset, name=name, submitted_by=g.user.email)
            else:
                changes.change(session, dataset, visibility=to, submitted_by=g.user.email)
    except (access.NameError, changes.TakenError, changes.BusyError, control.StateError) as error:
        return Note(id, sentence(error))
    return Note(id)


def _own(session: Session, id: str) -> Dataset | None:
    """The dataset, held for the transaction; None where who asks may not change it."""
    dataset = access.find(session, id, viewer(), lock=True)
    return dataset if dataset and viewer().may_change(dataset) else None
