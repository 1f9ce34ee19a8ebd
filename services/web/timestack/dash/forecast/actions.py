"""What a button, a dialog or the form of the Forecast page does; each asks for its role itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from dash import set_props
from flask import g
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard
from timestack.dash.choice import require_text
from timestack.dash.forecast.address import AskedError, number
from timestack.dash.forecast.filled import KIND, FaultsError, check, parameters
from timestack.dash.lists import Note
from timestack.domains import jobs
from timestack.domains.forecast import tickers
from timestack.domains.jobs import control, requests
from timestack.domains.jobs import listing as known
from timestack.models.forecasts import Forecast
from timestack.words import sentence

VERBS = ("cancel", "delete")
MOST_FIELDS = 50


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
    id = _uuid(given)
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
        found = session.get(Forecast, id)
        if found is not None:
            session.delete(found)
    # Whoever deleted it: it is gone.
    set_props("url", {"search": ""})
    return Note(given)


def start(filled: Any, id: Any) -> None:
    """Start a job with what the form was filled in with; ``id`` makes two clicks one job.

    Raises FaultsError; BadRequest for what is not a form of ours, and Forbidden.
    """
    guard.require("editor")
    if not (
        isinstance(filled, Mapping)
        and len(filled) <= MOST_FIELDS
        and all(isinstance(each, str) for each in filled.values())
    ):
        raise BadRequest(f"A form is an object of {MOST_FIELDS} texts at most.")
    id = _uuid(id)
    params = parameters(filled)
    with db.session() as session:
        check(params, tickers.spans(session))
    try:
        jobs.submit(
            KIND,
            params,
            id=id,
            submitted_by=g.user.email,
            request_id=g.get("request_id"),
        )
    except requests.ParamsError as error:
        raise FaultsError(error.faults) from None
    except (requests.ConflictError, requests.TooLargeError) as error:
        raise FaultsError([str(error)]) from None


def _uuid(given: Any) -> UUID:
    require_text(given)
    try:
        return UUID(given)
    except ValueError:
        raise BadRequest("A job is named by its id.") from None
