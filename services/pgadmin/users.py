"""A user who comes through the door is logged in as that user, whatever cookies the browser has.

pgAdmin reads the proxy's header at its log-in only and believes its session from then on; and it
logs in on two of its pages only. Here a session is used if it is of the header's user, on every
request (events of its web socket too, which run no before_request), and every page logs in.
"""

import converge
import stack
from flask import Flask, Request, Response, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, user_logged_in
from pgadmin import authenticate
from pgadmin.model import User
from pgadmin.utils.ajax import unauthorized
from pgadmin.utils.session import ManagedSession, ManagedSessionInterface

HEADER = "X-Remote-User"
# The key of a session that holds its user.
OWNER = "timestack_user"
# pgAdmin's log-in pages, which are not needed.
LOG_INS = ("security.login", "webserver.login")


class OwnSessions(ManagedSessionInterface):
    """pgAdmin's sessions, each usable by the user that it was begun for.

    Another user's is left alone and a new one begun, under another id: connections to servers
    belong to the id.
    """

    def open_session(self, app: Flask, request: Request) -> ManagedSession:
        user = request.headers.get(HEADER)
        found = super().open_session(app, request)
        if found.get(OWNER) != user:
            found = self.manager.new_session()
            found[OWNER] = user
        return found


def init_app(app: Flask, settings: stack.Settings) -> None:
    """Put sessions and log-in in front of pgAdmin's own."""
    app.session_interface = OwnSessions(app.session_interface.manager)
    # Before pgAdmin's own, which would show its form, or redirect a user who cannot log in forever.
    app.before_request_funcs.setdefault(None, []).insert(0, _log_in)

    def equip(_: Flask, user: User, **__: object) -> None:
        converge.equip(settings, user)

    user_logged_in.connect(equip, app, weak=False)


def _log_in() -> ResponseReturnValue | None:
    """Log the header's user in, making them at the first time; 403 if that cannot be."""
    # Without a header it is the health check: door.py lets nothing else in.
    if HEADER not in request.headers or request.endpoint in (None, "static"):
        return None
    if request.endpoint in LOG_INS:
        return redirect(url_for("browser.index"))
    if current_user.is_authenticated:
        return None
    if current_app.config["WTF_CSRF_HEADERS"][0] in request.headers:
        # A script of a page that another session drew: no token of that one is valid here. Nor
        # may a new session's cookie take the place of that of a page being opened right now.
        session.modified = False
        return unauthorized("This page is of an earlier log-in. You need to refresh the page.")
    # Its answer leads to the start page; this request continues to its own.
    authenticate.login()
    if current_user.is_authenticated:
        return None
    return Response(
        f"pgAdmin does not let {request.headers[HEADER]} in: the user is locked, inactive or"
        " not of the type webserver. Another administrator can change it in pgAdmin's User"
        " Management.\n",
        403,
        content_type="text/plain; charset=utf-8",
    )
