"""What a button of the Jobs page does; each asks for its role by itself."""

from __future__ import annotations

from typing import Any

from flask import g
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard, started
from timestack.dash.choice import require_text
from timestack.dash.lists import Note
from timestack.domains.jobs import control, forms, kinds
from timestack.models.jobs import Job

# Verb -> the role it needs, as auth/gate.py has it for the same endpoints of the API.
ROLES = {"cancel": "editor", "retry": "editor", "pause": "admin", "resume": "admin"}
OF_JOBS = {"cancel": control.cancel, "retry": control.retry}


def do(asked: Any) -> Note:
    """Do what a button asked for, and return what is to be read beside it.

    Raises BadRequest for what no button of ours asks for, and Forbidden.
    """
    verb = asked.get("verb") if isinstance(asked, dict) else None
    if not isinstance(verb, str) or verb not in ROLES:
        raise BadRequest("A button asks to cancel, retry, pause or resume.")
    guard.require(ROLES[verb])
    about = asked.get("job" if verb in OF_JOBS else "kind")
    require_text(about)
    try:
        with db.session() as session:
            if verb in OF_JOBS:
                OF_JOBS[verb](session, started.job_id(about))
            elif verb == "pause":
                control.pause(session, about, by=g.user.email)
            else:
                control.resume(session, about)
    except (control.NotFoundError, control.StateError, kinds.UnknownKindError) as error:
        text = str(error)
        return Note(about, f"{text[:1].upper()}{text[1:]}.")
    return Note(about)


def start(kind: str, filled: Any, id: Any) -> Job:
    """Start a job with what its form was filled in with; ``id`` makes two clicks one job.

    Raises FormError; BadRequest for what is not a form of ours, and Forbidden.
    """
    guard.require("admin")
    params = forms.parameters(kinds.find(kind), started.texts(filled))
    return started.submit(kind, params, started.job_id(id))
