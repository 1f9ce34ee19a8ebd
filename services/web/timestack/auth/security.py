"""Flask-Security, configured for this stack, and the log-ins kept in the database."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from flask import Flask, Response, after_this_request, current_app, g, request, session
from flask_login import current_user, user_logged_in, user_logged_out
from flask_login.utils import _user_context_processor
from flask_security import Security, SQLAlchemySessionUserDatastore
from flask_security.signals import password_changed, password_reset, user_registered
from flask_security.utils import aware_utcnow, set_request_attr
from flask_wtf.csrf import CSRFProtect, validate_csrf
from sqlalchemy.orm import Session, scoped_session
from wtforms import ValidationError

from timestack import db
from timestack.auth import bearer, forms, gate
from timestack.auth.hashes import Hashes
from timestack.auth.mail import Mail
from timestack.auth.people import Person, Position
from timestack.domains import logins, passwords, users
from timestack.settings import Settings

TOKEN = "login"  # noqa: S105
"""The key of the session cookie that holds the log-in's token."""


def configure(app: Flask, settings: Settings) -> None:
    """Set cookies, keys and the messages of the forms."""
    app.config.update(
        SECRET_KEY_FALLBACKS=settings.signing_keys[1:],
        # __Host-: sent over HTTPS only, to this very host, set by nobody else.
        SESSION_COOKIE_NAME=cookie_name("", settings),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=logins.REMEMBERED,
        SESSION_REFRESH_EACH_REQUEST=False,
        # For as long as the session: a dashboard stays open all day.
        WTF_CSRF_TIME_LIMIT=None,
        # Scripts without a browser have no referrer; the token and SameSite do the work.
        WTF_CSRF_SSL_STRICT=False,
        # The one that scripts of our own pages copy into the X-CSRFToken header.
        SECURITY_CSRF_COOKIE_NAME=cookie_name("csrf", settings),
        SECURITY_CSRF_COOKIE={"samesite": "Strict", "httponly": False, "secure": True},
        SECURITY_CSRF_HEADER="X-CSRFToken",
        SECURITY_DATETIME_FACTORY=aware_utcnow,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        # For the browser, as an attribute of the fields; forms.Passwords decides.
        SECURITY_PASSWORD_LENGTH_MIN=passwords.MINIMUM,
        # In ASCII, since letters that look like others would make two users look like one.
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False, "allow_smtputf8": False},
        SECURITY_REGISTERABLE=settings.registration and settings.auth_backend == "local",
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_CHANGEABLE=True,
        SECURITY_RECOVERABLE=bool(settings.smtp_host),
        SECURITY_TRACKABLE=True,
        SECURITY_CHANGE_URL="/account/password",
        SECURITY_RESET_URL="/recover",
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=bool(settings.smtp_host),
        SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL=bool(settings.smtp_host),
        SECURITY_EMAIL_HTML=False,
        SECURITY_EMAIL_SENDER=settings.mail_from,
        SECURITY_EMAIL_SUBJECT_PASSWORD_RESET="Timestack: choose a new password",  # noqa: S106
        SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE="Timestack: your password was reset",  # noqa: S106
        SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE="Timestack: your password was changed",  # noqa: S106
        # A wrong password and an unknown address get the same answer.
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_MSG_GENERIC_AUTHN_FAILED=(forms.WRONG, "error"),
        SECURITY_MSG_INVALID_PASSWORD=("This is not your current password.", "error"),
        SECURITY_POST_LOGIN_VIEW="pages.index",
        SECURITY_POST_LOGOUT_VIEW="pages.index",
        SECURITY_POST_REGISTER_VIEW="pages.index",
        SECURITY_POST_CHANGE_VIEW="account.show",
        SECURITY_POST_RESET_VIEW="security.login",
        SECURITY_MSG_PASSWORD_RESET_REQUEST=(
            "If %(email)s is registered here, it will receive a link to choose a new password.",
            "info",
        ),
        SECURITY_MSG_RETYPE_PASSWORD_MISMATCH=("The two passwords are not the same.", "error"),
        SECURITY_MSG_PASSWORD_NOT_PROVIDED=("Enter a password.", "error"),
        SECURITY_MSG_PASSWORD_CHANGE=("Your password has been changed.", "success"),
        SECURITY_MSG_INVALID_RESET_PASSWORD_TOKEN=(
            "This link was used before or is incomplete: ask for a new one.",
            "error",
        ),
        # By session alone: a token in a header would outlive the log-out.
        SECURITY_API_ENABLED_METHODS=["session"],
        # A change asks for the present password, however fresh the log-in is.
        SECURITY_FRESHNESS=timedelta(-1),
        SECURITY_CLI_USERS_NAME=False,
        SECURITY_CLI_ROLES_NAME=False,
        SECURITY_STATIC_FOLDER=None,
        # Its own default, True for each, is written as `no-store=True`, which no browser knows.
        SECURITY_CACHE_CONTROL={"private": None, "no-store": None},
    )


def cookie_name(purpose: str, settings: Settings) -> str:
    """The name of a cookie for HTTPS and this very host alone; no ``purpose`` is the session."""
    # Two stacks on one host share a cookie jar: cookies do not depend on the port.
    port = "" if settings.https_port == 443 else str(settings.https_port)
    return "-".join(filter(None, ("__Host-timestack", purpose, port)))


def init_app(app: Flask, settings: Settings) -> None:
    """Put the forms in and keep the log-ins; ``app.extensions["security"]`` is Flask-Security."""
    app.extensions["csrf"] = Protection(app)
    opened = scoped_session(db.new_session)
    app.teardown_appcontext(lambda _: opened.remove())
    security = Security(
        app,
        SQLAlchemySessionUserDatastore(opened, Person, Position),
        mail_util_cls=Mail,
        password_util_cls=forms.Passwords,
        login_form=forms.LoginForm,
        change_password_form=forms.ChangePasswordForm,
        register_form=forms.RegisterForm,
        forgot_password_form=forms.ForgotPasswordForm,
    )
    security.pwd_context = Hashes(security.pwd_context)
    security.login_manager.user_loader(_load)
    security.login_manager.request_loader(lambda _: bearer.person())
    # It would ask the database in every template, also in the page that says it is away.
    app.template_context_processors[None].remove(_user_context_processor)
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_close, app)
    password_changed.connect(_chosen, app)
    password_reset.connect(_chosen, app)
    user_registered.connect(_registered, app)


class Protection(CSRFProtect):
    """CSRF tokens of forms, API and callbacks; one that the previous session key signed is good."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise CSRFError for a request that may come from another site's page."""
        # No other site's page makes a browser send a token of ours.
        if g.get("token"):
            return
        # Without a view nothing is read: a slow body must not hold a thread for a 404.
        changes = request.endpoint and request.method in current_app.config["WTF_CSRF_METHODS"]
        for key in current_app.config["SECRET_KEY_FALLBACKS"] if changes else ():
            with suppress(ValidationError):
                validate_csrf(self._get_csrf_token(), secret_key=key)
                # The forms look here before they check for themselves.
                g.csrf_valid = True
                return
        super().protect(apply_exemptions)


def _load(uniquifier: str) -> Person | None:
    """The user of this request's cookie, detached: no connection is held while the view works."""
    token = session.get(TOKEN)
    # Flask-Principal asks before every view, also those that serve a file or the probes.
    if not isinstance(token, str) or request.endpoint in gate.WITHOUT_DATABASE:
        return None
    # Where a token came as well, it alone says whose request this is.
    if bearer.came():
        return None
    # One round trip, since it is made for each request.
    with db.single_statements() as connection, Session(connection) as opened:
        person = logins.user_of(opened, token, str(uniquifier), Person)
        opened.expunge_all()
    # Flask-Security's own views ask how and when the user logged in.
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", session.get("fs_paa", 0))
    return person


def _begin(app: Flask, user: Person) -> None:
    """Make the log-in a row; the session starts afresh, so that nothing planted in it lives on."""
    remember = session.pop("_remember", None) == "set"
    session.pop("_remember_seconds", None)
    previous = session.pop(TOKEN, None)
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    granted = g.get("granted")
    with db.session() as opened:
        if previous:
            logins.close(opened, previous)
        token, _ = logins.begin(
            opened,
            user.id,
            remember=remember,
            ends_at=granted.expires_at if granted else None,
        )
    session[TOKEN] = token
    session.permanent = remember
    g.user = user


def _close(_: Flask, **__: object) -> None:
    token = session.pop(TOKEN, None)
    if token:
        with db.session() as opened:
            logins.close(opened, token)
    # Everything of this log-in goes, pgAdmin's own session too.
    session.clear()
    session["fs_cc"] = "clear"
    g.user = None
    after_this_request(_forget_pgadmin)


def _forget_pgadmin(response: Response) -> Response:
    response.delete_cookie("pga4_session", path=f"{request.script_root}/pgadmin", secure=True)
    return response


def _chosen(_: Flask, user: Person, **__: object) -> None:
    """A password of the user's own choice: other browsers are logged out."""
    user.must_change_password = False
    current = session.get(TOKEN)
    opened = Session.object_session(user)
    if opened is not None:
        users.end_logins(opened, user, keep=logins.digest(current) if current else None)


def _registered(_: Flask, user: Person, **__: object) -> None:
    datastore = current_app.extensions["security"].datastore
    datastore.add_role_to_user(user, users.ROLES[0])
    # The log-in that follows is a row of another transaction, which must see the user.
    datastore.commit()


def current() -> Person:
    """The signed-in user of this request; call it behind the gate only."""
    return current_user._get_current_object()


def known_since(user: Person) -> datetime | None:
    """When the user was here before this log-in (UTC); None at the first."""
    return user.last_login_at if user.login_count > 1 else None
