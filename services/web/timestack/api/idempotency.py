"""The header ``Idempotency-Key``: a POST that is repeated under the same key is done once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from flask import g, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, Conflict

from timestack.api.types import Body, View
from timestack.domains import idempotency
from timestack.words import sentence

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
# Without a blank at an end, which servers take off.
KEY = rf"[!-~]([ -~]{{0,{LONGEST_KEY - 2}}}[!-~])?"

Shown = TypeVar("Shown", bound=View)


def key() -> str | None:
    """Return the key of the current request, None without one; raises BadRequest."""
    given = request.headers.get(HEADER)
    if given is not None and not re.fullmatch(KEY, given):
        raise BadRequest(f"{HEADER}: use 1 to {LONGEST_KEY} printable characters of ASCII.")
    return given


def once(session: Session, body: Body, view: type[Shown], make: Callable[[], Shown]) -> Shown:
    """Return what ``make`` made, or what it made for the same request of the same user before.

    Raises BadRequest, and Conflict where the key was another request's.
    """
    if (given := key()) is None:
        return make()
    asked = {"method": request.method, "path": request.path, "body": body.model_dump(mode="json")}
    try:
        answer = idempotency.once(
            session, g.user.email, given, asked, lambda: make().model_dump(mode="json")
        )
    except idempotency.ReusedError as error:
        raise Conflict(sentence(error)) from None
    return view.model_validate(answer)
