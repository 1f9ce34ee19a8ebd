"""Who may enter: the forms, the gate before every route, and the door to the other services.

Flask-Security checks passwords and serves the forms; the log-ins themselves are rows of the
database (``timestack.domains.logins``), so that logging out ends them. Every route that is not in
``gate.PUBLIC`` is closed.
"""

from __future__ import annotations

from flask import Flask

from timestack.auth import account, bearer, browsers, door, gate, headers, limits, security
from timestack.auth.gate import needed_role
from timestack.settings import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Close the application to strangers; register this before any route of a face."""
    security.configure(app, settings)
    # In this order: whose token it is, how often they may ask, what they may do, and whether one of
    # our own pages sent the request.
    bearer.init_app(app)
    limiter = limits.init_app(app, settings)
    gate.init_app(app)
    security.init_app(app, settings)
    browsers.init_app(app, security.cookie_name("known", settings), settings)
    limits.limit_forms(app, limiter)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(door.blueprint)
    headers.init_app(app)


__all__ = ["init_app", "needed_role"]
