"""What a button, a dialog or the form of the Forecast page does; each asks for its role itself."""

from __future__ import annotations

from typing import Any

from dash import set_props
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard, started
from timestack.dash.choice import require_text
from timestack.dash.forecast.address import AskedError, number
from timestack.dash.forecast.filled import KIND, check, parameters
from timestack.dash.lists import Note
from timestack.domains.forecast import store, tickers
from timestack.domains.jobs import control
from timestack.domains.jobs import listing as known
from timestack.words import sentence

VERBS = ("cancel", "delete")


def do(asked: Any) -> Note:
    """Do what a button or a dialog asked for, and return what is to be read beside it.

    Raises BadRequest for what neither asks for, and Forbidden.
    """
    verb = asked.get("verb") if isinstance(asked, dict) else None
    if verb not in VERBS:
        raise BadRequest(f"A button asks to {' or '.join(VERBS)}.")
    guard.require("editor")
    if verb == "delete":
        return _delete(asked.get("forecast"))
    return _cancel(asked.get("job"))


def _cancel(given: Any) -> Note:
    id = started.job_id(given)
    try:
        with db.session() as session:
            job = known.get(session, id)
            if job is not None and job.kind != KIND:
                raise BadRequest("What is cancelled here makes a forecast.")
            control.cancel(session, id)
    except (control.NotFoundError, control.StateError) as error:
        return Note(given, sentence(error))
    return Note(given)


def _delete(given: Any) -> Note:
    require_text(given)
    try:
        id = number(given)
    except AskedError as error:
        raise BadRequest(str(error)) from None
    with db.session() as session:
        store.delete(session, id)
    # Whoever deleted it: it is gone.
    set_props("url", {"search": ""})
    return Note(given)


def start(filled: Any, id: Any) -> None:
    """Start a job with what the form was filled in with; ``id`` makes two clicks one job.

    Raises FormError; BadRequest for what is not a form of ours, and Forbidden.
    """
    guard.require("editor")
    params, id = parameters(started.texts(filled)), started.job_id(id)
    with db.session() as session:
        check(params, tickers.spans(session))
    started.submit(KIND, params, id)
