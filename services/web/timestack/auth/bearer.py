"""Tokens in the header of a request to the API: who it is by, and what it may use.

``Authorization: Bearer tsk_…``, or ``Token tsk_…`` as the clients of InfluxDB send it. A request
with a token is by that token alone, whatever cookies came with it, and needs no CSRF token: no
other site's page can make a browser send the header.

It is looked up before the request is counted (limits.py), since it says whose limit that is, and
refused after that (gate.py), so that guessing counts. Ref: RFC 6750.
"""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from timestack import db
from timestack.auth.people import Person
from timestack.domains import tokens
from timestack.series import catalog

SCHEMES = ("bearer", "token")
REALM = "Timestack API"


def init_app(app: Flask) -> None:
    """Find out whose each request to the API is; register this before whatever asks."""
    app.before_request(_identify)


def for_api() -> bool:
    """Whether this request is to the API."""
    return request.path.startswith("/api/")


def came() -> bool:
    """Whether a token came with this request, good or not."""
    return "token_person" in g


def person() -> Person | None:
    """The user of this request's token; None without one that is good."""
    return g.get("token_person")


def is_wrong() -> bool:
    """Whether the token of this request is not good."""
    return came() and person() is None


def is_at_home() -> bool:
    """Whether the token of this request is good, and was last used from where this came from."""
    return not is_wrong() and g.token is not None and g.token.last_used_from == get_remote_address()


def admit() -> None:
    """Write down the use of this request's token; raises Unauthorized where it is not good."""
    if is_wrong():
        raise unauthorized(g.token_fault, error="invalid_token")
    if g.token is not None:
        tokens.note_use(g.token, get_remote_address())


def unauthorized(detail: str, **parameters: str) -> Unauthorized:
    """A 401 that says how to ask instead."""
    challenge = WWWAuthenticate("bearer", {"realm": REALM, **parameters})
    return Unauthorized(detail, www_authenticate=challenge)


def may_use(table: str) -> None:
    """Raise Forbidden where a table is for administrators, or this request's token for others."""
    declared = catalog.current().hypertables.get(table)
    if declared and declared.admins_only and not g.get("admin"):
        raise Forbidden(f"The table {table} is for administrators alone.")
    token = g.get("token")
    if token is not None and not tokens.may(token, table):
        names = ", ".join(token.tables)
        raise Forbidden(f"This token may not use the table {table}: it is for {names} alone.")


def _identify() -> None:
    """Look up the token, or the user of the session, and whom this request counts for."""
    g.token = None
    # Without a view nothing is looked up; the gate has the reason.
    known = for_api() and request.endpoint is not None
    if known and (text := _given()) is not None:
        _find(text)
    if g.token is not None:
        g.caller = f"token:{g.token.id}"
    elif known and not is_wrong() and current_user.is_authenticated:
        g.caller = f"user:{current_user.id}"
    else:
        g.caller = f"address:{get_remote_address()}"


def _given() -> str | None:
    """What the header holds as a token; None where it holds something else, or is not there."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() in SCHEMES else None


def _find(text: str) -> None:
    g.token_person = None
    try:
        tokens.require_form(text)
        # One round trip, since it is made for each request.
        with db.single_statements() as connection, Session(connection) as session:
            g.token, g.token_person = tokens.find(session, text, Person)
            session.expunge_all()
    except tokens.RefusedError as error:
        g.token_fault = str(error)
