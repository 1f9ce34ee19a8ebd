"""Browsers that somebody has logged in with, told from those of strangers by a signed cookie.

Whoever hammers at a user's log-in uses up what strangers may try, and the owner's own browser must
not be among them. After a log-in it keeps a cookie that names the user and itself; what it tries is
counted by that cookie (limits.py). It is not a log-in: it opens nothing without the password.

Ref: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import timedelta

from flask import Flask, Response, current_app, g, request
from flask_login import user_logged_in
from flask_security.signals import password_changed, password_reset
from itsdangerous import BadData, URLSafeTimedSerializer

from timestack.domains import users
from timestack.models.users import User
from timestack.settings import Settings

LIFETIME = timedelta(days=365)
# Users whom one browser is known of; the one who came longest ago goes first.
MOST = 5


def init_app(app: Flask, cookie: str, settings: Settings) -> None:
    """Give every browser that logs in, or sets a password, a cookie of this name."""
    app.config["KNOWN_BROWSER_COOKIE"] = cookie
    # The newest key signs; what the one before it signed is still good.
    app.extensions["browsers"] = URLSafeTimedSerializer(
        settings.signing_keys[::-1], salt="known browser"
    )
    for happened in (user_logged_in, password_changed, password_reset):
        happened.connect(_remember, app)
    app.after_request(_send)


def key_of(email: str) -> str:
    """A key for the user of an address, whether there is one or not; 32 characters.

    Hashed, as an address may be long and is nobody's business. One spelling is like the other:
    example.org in full-width letters, too.
    """
    with suppress(users.UserError):
        email = users.normal_email(email)
    return hashlib.sha256(email.lower().encode(errors="replace")).hexdigest()[:32]


def known(user: User) -> str | None:
    """The name of this request's browser, if ``user`` has logged in with it before.

    None also when the password is another one since: who knew the old one is a stranger now.
    """
    name, mark = _kept().get(key_of(user.email), ("", ""))
    return name if name and hmac.compare_digest(mark, _mark(user)) else None


def _kept() -> dict[str, list[str]]:
    """Key of a user to [name of the browser, mark of the password], as the cookie tells."""
    signer: URLSafeTimedSerializer = current_app.extensions["browsers"]
    cookie = request.cookies.get(current_app.config["KNOWN_BROWSER_COOKIE"], "")
    try:
        return signer.loads(cookie, max_age=LIFETIME.total_seconds())
    except BadData:
        return {}


def _mark(user: User) -> str:
    # Of a hash with a salt; it tells nothing but whether the password is still the same.
    return hashlib.sha256((user.password or "").encode()).hexdigest()[:32]


def _remember(_: Flask, user: User, **__: object) -> None:
    own = key_of(user.email)
    kept = {key: value for key, value in _kept().items() if key != own}
    # A new name: the tries that the old one has left go with it.
    kept[own] = [secrets.token_urlsafe(12), _mark(user)]
    g.known_browser = dict(list(kept.items())[-MOST:])


def _send(response: Response) -> Response:
    if "known_browser" in g:
        response.set_cookie(
            current_app.config["KNOWN_BROWSER_COOKIE"],
            current_app.extensions["browsers"].dumps(g.known_browser),
            max_age=LIFETIME,
            secure=True,
            httponly=True,
            samesite="Strict",
        )
    return response
