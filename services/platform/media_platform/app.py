"""The simulated platform as a Flask application."""

from __future__ import annotations

from collections import deque

from flask import Flask, Response, abort, jsonify
from werkzeug.exceptions import HTTPException

from media_platform import companies, faults, hooks, login, mail, manifest, prices, usage
from media_platform.accounts import ACCOUNTS, Tokens, asking

LONGEST_QUESTION = 64 * 1024


def create_app(password: str) -> Flask:
    """Make the application; ``password`` is that of every user and the service's token."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_QUESTION
    app.json.sort_keys = False
    app.extensions |= {
        "tokens": Tokens(password),
        "faults": faults.Faults(),
        "versions": manifest.Versions(),
        "mailbox": mail.Mailbox(),
        "hooks": deque(maxlen=hooks.KEPT),
    }
    for part in (login, usage, manifest, companies, prices, mail, hooks, faults):
        app.register_blueprint(part.blueprint)
    app.add_url_rule("/health", view_func=health)
    app.add_url_rule("/api/accounts", view_func=accounts)
    app.register_error_handler(HTTPException, failed)
    app.after_request(labelled)
    return app


def health() -> Response:
    """Answer that it serves."""
    return jsonify(status="ok", simulated=True)


@faults.may_fail("accounts")
def accounts() -> Response:
    """Answer with every account, to the service alone."""
    if asking() is not None:
        abort(403, "Only the service token gives access to all accounts.")
    listed = [{"id": each.id, "name": each.name, "email": each.email} for each in ACCOUNTS]
    return jsonify(simulated=True, accounts=listed)


def failed(error: HTTPException) -> Response:
    """Turn an error into JSON with one sentence."""
    response = jsonify(error=error.description)
    response.status_code = error.code or 500
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def labelled(response: Response) -> Response:
    """Say in every answer that it is simulated and not to be kept."""
    response.headers["X-Simulated"] = "yes"
    response.headers["Cache-Control"] = "no-store"
    return response
