"""The gate: every route is closed to strangers unless PUBLIC names it.

It is in front of the routes, not on each of them: a decorator can be forgotten, or put on the wrong
side of another. What a signed-in user may do follows from the method (reading is for viewers,
changing for editors), where ROLES does not ask for more.
"""

from __future__ import annotations

from urllib.parse import unquote, urlencode

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import BadRequest, Forbidden

from timestack import db
from timestack.auth import bearer
from timestack.domains import tokens, users

# Answered whatever state the database is in: these do not ask who the user is.
WITHOUT_DATABASE = frozenset(
    {
        "static",
        "bootstrap.static",
        "pages.static",
        "health.live",
        "health.ready",
        "health.serves",
        "health.version",
        # The proxy's own words; see edge.py.
        "edge.broken",
        "edge.elsewhere",
        "edge.failed",
    }
)
PUBLIC = WITHOUT_DATABASE | frozenset(
    {
        "pages.index",
        "security.login",
        "security.logout",
        "security.register",
        "security.forgot_password",
        "security.reset_password",
        # Answers the proxy alone and judges by itself; see door.py.
        "door.admit",
    }
)

# Endpoint -> the lowest role that may call it, where the method does not say it.
ROLES = {
    # Parameters and results of jobs name accounts of others.
    "api.jobs.index": "editor",
    "api.jobs.show": "editor",
    "api.jobs.create": "admin",
    "api.jobs.pause": "admin",
    "api.jobs.resume": "admin",
    "api.manifest.refresh": "admin",
    # Nobody else has any.
    "api.uploads.index": "editor",
    "api.uploads.show": "editor",
    "api.uploads.preview": "editor",
    # It names roles of the database, and shows statements of all of them.
    "api.operations.show": "admin",
    # All users may change their own password, and make tokens that may do no more than they may.
    "security.change_password": "viewer",
    "account.make_token": "viewer",
    "account.revoke_token": "viewer",
    "api.tokens.create": "viewer",
    "api.tokens.revoke": "viewer",
    # Callbacks read, and those of a page need its role (dash/guard.py); one that changes something
    # asks for its role by itself.
    "/dash/_dash-update-component": "viewer",
}
READING = ("GET", "HEAD", "OPTIONS")

# What a token that is for some tables alone may ask: resource of the API, or one of its endpoints,
# -> the table that it is about. None: its views ask (bearer.may_use), or show no rows.
TABLES = {
    "additions": None,
    "describe": None,
    "candles": "prices_daily",
    "companies": "companies",
    "companies.finances": "finances",
    "companies.report": "finances",
    "companies.show_year": "finances",
    "comparison": "prices_daily",
    "datasets.show": None,
    "datasets.show_figures": None,
    "export": None,
    "influx": None,
    "prices": "prices_daily",
    "readings": None,
    "sensors": "sensors",
    "series": None,
    "tickers": "tickers",
    "tokens": None,
    "usage": "usage",
}

# What a user who must choose a new password first can still reach.
BEFORE_NEW_PASSWORD = frozenset(
    {"static", "bootstrap.static", "security.change_password", "security.logout", "door.admit"}
)


def init_app(app: Flask) -> None:
    """Check every request of ``app`` before its view."""
    app.before_request(_admit)
    app.teardown_request(_leave)


def needed_role(endpoint: str, method: str) -> str | None:
    """The role that a request needs; None when it needs no log-in at all."""
    if endpoint in PUBLIC:
        return None
    return ROLES.get(endpoint) or ("viewer" if method in READING else "editor")


def refusal(role: str | None) -> ResponseReturnValue | None:
    """What answers the current request instead of its view; None when it may go on.

    Raises Unauthorized where a log-in form would not be seen, and Forbidden below ``role``.
    """
    if role is None:
        return None
    if not current_user.is_authenticated:
        return to_login()
    if fault := _fault(role):
        raise Forbidden(fault)
    return None


def holds(role: str) -> bool:
    """Whether this request may do what needs ``role``: its user, and its token where it has one."""
    return _fault(role) is None


def _fault(role: str) -> str | None:
    fault = users.refusal(current_user, role)
    return tokens.refusal(g.token, role) if fault is None and g.token is not None else fault


def to_login(back: str | None = None, root: str = "") -> ResponseReturnValue:
    """Lead a browser to the log-in form and ``back`` from there; anything else gets a 401.

    ``root`` is the scheme, name and port to put in front of the form's path.
    """
    if not navigates():
        detail = "Log in first: you are not logged in, or your session has ended."
        raise bearer.unauthorized(
            f"{detail} A script sends a token." if bearer.for_api() else detail
        )
    back = back or request.script_root + request.full_path.rstrip("?")
    return redirect(f"{root}{url_for('security.login')}?{urlencode({'next': back})}")


def navigates() -> bool:
    """Whether a browser is about to show the answer as a page."""
    if request.method not in ("GET", "HEAD") or request.path.startswith("/api/"):
        return False
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode == "navigate" and request.accept_mimetypes.accept_html


def must_change_password() -> bool:
    """Whether the signed-in user still has a password that was chosen for them."""
    return current_user.is_authenticated and current_user.must_change_password


def _admit() -> ResponseReturnValue | None:
    # The thread may have served another user before.
    db.act_for(None)
    endpoint = request.endpoint
    _check_json(endpoint)
    _check_next(endpoint)
    # No route: 404 and 405 show nothing that the source of this project does not.
    if endpoint is None or request.routing_exception is not None:
        return None
    role = needed_role(endpoint, request.method)
    if endpoint in WITHOUT_DATABASE:
        return None
    bearer.admit()
    g.user = current_user if current_user.is_authenticated else None
    g.admin = g.user is not None and holds("admin")
    answer = refusal(role)
    if answer is not None or g.user is None:
        return answer
    _check_table()
    db.act_for(g.user.account)
    if endpoint == "security.change_password" and g.user.password is None:
        raise Forbidden("The media platform keeps your password: change it there.")
    if must_change_password() and endpoint not in BEFORE_NEW_PASSWORD:
        if navigates():
            return redirect(url_for("security.change_password"))
        raise Forbidden("Choose your own password first: open the log-in page in a browser.")
    return None


def _check_table() -> None:
    """Raise Forbidden where the request's token is for other tables than it asks for."""
    if g.token is None or g.token.tables is None:
        return
    # Of api.companies.show: companies.show, then companies.
    endpoint = request.endpoint.removeprefix("api.")
    place = endpoint if endpoint in TABLES else endpoint.partition(".")[0]
    if place not in TABLES:
        names = ", ".join(g.token.tables)
        raise Forbidden(f"This token is for {names} alone, and this concerns more than tables.")
    if table := TABLES[place]:
        bearer.may_use(table)


def _leave(_: BaseException | None) -> None:
    db.act_for(None)


def is_path_here(address: str) -> bool:
    """Whether ``address`` can only ever lead to a page of this very site.

    Browsers take a backslash for a slash and drop control characters, so ``/\\evil.example`` and
    ``/\\t/evil.example`` leave the site; encoded they may be decoded once more on the way.
    """
    if not address.isprintable() or not address.isascii():
        return False
    # What follows is for the page to read, and moves no browser to another site.
    path = address.partition("?")[0]
    for _ in range(3):
        if not path.startswith("/") or "//" in path or "\\" in path:
            return False
        if not path.isprintable() or not path.isascii():
            return False
        path = unquote(path)
    return True


def _check_next(endpoint: str | None) -> None:
    """Refuse a ``next`` that leads elsewhere, before anything looks at it."""
    if not (endpoint or "").startswith("security."):
        return
    given: list[object] = [*request.args.getlist("next")]
    # Wherever the forms would find it: in a body of either kind of form, or as a part of one that
    # claims to be a file, or in JSON.
    given += request.form.getlist("next") + request.files.getlist("next")
    if _is_json():
        given.append(request.get_json().get("next"))
    if any(each and not (isinstance(each, str) and is_path_here(each)) for each in given):
        current_app.logger.warning("refused a next that leads elsewhere")
        raise BadRequest("The link that you followed would have led to another site afterwards.")


def _check_json(endpoint: str | None) -> None:
    """Refuse JSON that is not an object, where Flask-Security reads a form's fields from it."""
    if not (endpoint or "").startswith("security."):
        return
    if _is_json() and not isinstance(request.get_json(), dict):
        raise BadRequest("The body must be a JSON object with the fields of the form.")


def _is_json() -> bool:
    # Not by Content-Length: a body in chunks has none.
    return request.is_json and bool(request.get_data())
