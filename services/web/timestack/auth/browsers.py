"""Browsers that a user has logged in with before, known by a signed cookie.

An attacker who guesses at a user's password uses up the attempts that strangers have, which must
not keep the owner's own browser out. After a log-in it keeps a cookie that names the user and
itself; its attempts are counted by that cookie (limits.py). The cookie is not a log-in: it opens
nothing without the password.

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
# Users that one browser remembers; the one whose log-in is the oldest goes first.
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

    Hashed, as an address may be long and is private. All spellings of one address have the same
    key, also example.org in full-width letters.
    """
    with suppress(users.UserError):
        email = users.normal_email(email)
    return hashlib.sha256(email.lower().encode(errors="replace")).hexdigest()[:32]


def known(user: User) -> str | None:
    """The name of this request's browser, if ``user`` has logged in with it before.

    None also when the password has changed since: a browser that knew the old one is a stranger.
    """
    name, mark = _kept().get(key_of(user.email), ("", ""))
    return name if name and hmac.compare_digest(mark, _mark(user)) else None


def _kept() -> dict[str, list[str]]:
    """Key of a user to [name of the browser, mark of the password], as the cookie has it."""
    signer: URLSafeTimedSerializer = current_app.extensions["browsers"]
    cookie = request.cookies.get(current_app.config["KNOWN_BROWSER_COOKIE"], "")
    try:
        return signer.loads(cookie, max_age=LIFETIME.total_seconds())
    except BadData:
        return {}


def _mark(user: User) -> str:
    # Of a salted hash, so it shows only whether the password is still the same.
    return hashlib.sha256((user.password or "").encode()).hexdigest()[:32]


def _remember(_: Flask, user: User, **__: object) -> None:
    own = key_of(user.email)
    kept = {key: value for key, value in _kept().items() if key != own}
    # A new name: attempts counted under the old one no longer matter.
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
