"""How often passwords and tokens may be guessed and the API be asked, counted in Redis.

An attempt to log in is counted before the password is checked, so that a hundred sent at once test
no more passwords than a hundred in a row; one that succeeds is not counted after all. Strangers
share the attempts at one user's log-in, whatever their address, and each address has a limit of its
own. Counted apart from them are

- a browser that the user has logged in with before (browsers.py), by itself alone,
- an address that one of the user's last two log-ins came from, by user and address,

so that guessing does not keep the owner out. An owner in a new browser at a new address counts as a
stranger and may have to wait while an attack goes on. The way out: a new password by mail
(SMTP_HOST), which makes the browser a known one, or a first password made by
``make user … ARGS=--reset`` (for ADMIN_EMAIL ``make rotate SECRET=admin_password``). Those are
random and cannot be guessed: until such a password is changed, only the limits of the addresses
hold for its user.

A token that is wrong counts against its address, as an attempt to log in does, and may be tried on
where it was last used from. Whatever comes to the API counts against API_RATE of its token, of the
user of its session, or of its address.

The address is the one that Traefik saw, or that a trusted proxy passed on (edge.py). While Redis is
away each process counts for itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps

from flask import Flask, Response, g, make_response, request
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, user_logged_in
from flask_security.signals import password_changed
from redis.backoff import NoBackoff
from redis.retry import Retry

from timestack import db
from timestack.auth import bearer, browsers
from timestack.domains import users
from timestack.models.users import User
from timestack.settings import Settings

PER_ADDRESS = "30 per minute; 200 per hour"
# Of strangers together, of one browser, or of one address that is known.
PER_USER = "10 per minute; 50 per hour"
# Each of these sends a mail or adds a user.
PER_ADDRESS_MAKING = "10 per minute; 40 per hour"
# Seconds. A busy moment of Redis must not pass for its absence; a log-in asks twice before it goes
# on without.
TIMEOUT = 1.0
REDIS_DATABASE = 2
# The scopes of what counts for the API as a whole.
API, TOKENS = "api", "tokens"
REFUSED = (
    "Too many attempts. Wait a minute, then try again. Attempts of other people do not count in a"
    " browser that you have logged in with before."
)


class Counter(Limiter):
    """Flask-Limiter; of requests that find Redis away at the same moment, it lets one fall back.

    The others, which find that it is known to be away, are counted in memory as well.
    """

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except self.storage.base_exceptions:
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)


def init_app(app: Flask, settings: Settings) -> Limiter:
    """Limit the API, once it is known whose a request is and before that is judged."""
    limiter = Counter(
        get_remote_address,
        app=app,
        application_limits=[
            ApplicationLimit(
                settings.api_rate,
                key_function=lambda: g.caller,
                scope=API,
                exempt_when=lambda: not bearer.for_api(),
                error_message="Too many requests: wait for as many seconds as Retry-After says.",
            ),
            ApplicationLimit(
                lambda: PER_ADDRESS,
                key_function=get_remote_address,
                scope=TOKENS,
                exempt_when=lambda: not bearer.came() or bearer.is_at_home(),
                deduct_when=lambda _: bearer.is_wrong(),
                error_message="Too many wrong tokens came from this address: wait a minute.",
            ),
        ],
        # A path without a view counts as well.
        request_identifier=lambda: request.endpoint or (API if bearer.for_api() else ""),
        storage_uri=settings.redis_url(REDIS_DATABASE),
        storage_options={
            "socket_timeout": TIMEOUT,
            "socket_connect_timeout": TIMEOUT,
            # Its own default tries four times.
            "retry": Retry(NoBackoff(), 0),
        },
        # The one of its strategies in which a place can be given back.
        strategy="sliding-window-counter",
        in_memory_fallback_enabled=True,
        headers_enabled=False,
        key_prefix="timestack",
    )
    app.after_request(partial(_tell, limiter))
    return limiter


def _tell(limiter: Limiter, response: Response) -> Response:
    """Tell a client of the API what is left of its limit, and whoever is refused when to come back.

    Ref: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06
    """
    counted = limiter.current_limits
    told = [limit for limit in counted if limit.breached] or [
        limit for limit in counted if API in limit.request_args
    ]
    for each in told:
        # Redis may be gone by now, and then nobody knows.
        with suppress(limiter.storage.base_exceptions):
            wait = max(0.0, each.window.reset_time - time.time())
            if bearer.for_api():
                response.headers["RateLimit-Limit"] = str(each.limit.amount)
                response.headers["RateLimit-Remaining"] = str(each.remaining)
                response.headers["RateLimit-Reset"] = str(math.ceil(wait))
            if each.breached:
                # What was counted slides out of the window one by one.
                one = each.limit.get_expiry() / each.limit.amount
                response.headers["Retry-After"] = str(math.ceil(wait + one))
    return response


def limit_forms(app: Flask, limiter: Limiter) -> None:
    """Limit the forms of Flask-Security, which must be registered already."""
    views = app.view_functions

    def limit(endpoint: str, rule: str, key: Callable[[], str], **more: object) -> None:
        views[endpoint] = limiter.limit(
            rule, key_func=key, methods=["POST"], error_message=REFUSED, **more
        )(views[endpoint])

    # The address first: an attempt that it may not make is not counted for the user.
    limit("security.login", PER_ADDRESS, get_remote_address, exempt_when=_is_known_browser)
    limit("security.login", PER_USER, _bucket, exempt_when=lambda: not _bucket())
    # The user is logged in there: only their own attempts count.
    limit("security.change_password", PER_USER, lambda: f"user:{current_user.id}")
    for endpoint in ("security.login", "security.change_password"):
        views[endpoint] = _returning(limiter, views[endpoint])
    for endpoint in ("security.register", "security.forgot_password", "security.reset_password"):
        if endpoint in views:
            limit(endpoint, PER_ADDRESS_MAKING, get_remote_address)
    for proven in (user_logged_in, password_changed):
        proven.connect(_succeeded, app)


def _bucket() -> str:
    """Who the attempts of this request count together with; empty where nothing is counted."""
    if "bucket" not in g:
        g.bucket = _find_bucket(_named())
    return g.bucket


def _find_bucket(email: str) -> str:
    key, address = browsers.key_of(email), get_remote_address()
    user = _find(email)
    if user and (browser := browsers.known(user)):
        return f"browser:{browser}"
    if user and address in (user.current_login_ip, user.last_login_ip):
        return f"place:{key}:{address}"
    return "" if user and user.must_change_password else f"strangers:{key}"


def _find(email: str) -> User | None:
    try:
        email = users.normal_email(email)
    except users.UserError:
        # No user can have it: the database need not be asked.
        return None
    with db.session() as session:
        user = users.find(session, email)
        session.expunge_all()
    return user


def _is_known_browser() -> bool:
    return _bucket().startswith("browser:")


def _named() -> str:
    """The e-mail address that the form names."""
    body = request.get_json(silent=True)
    named = request.form.get("email") or (body.get("email") if isinstance(body, dict) else None)
    return str(named or "").strip()


def _returning(limiter: Limiter, view: Callable[..., object]) -> Callable[..., Response]:
    """The view; an attempt that was not a wrong guess is taken off the count again."""

    @wraps(view)
    def attempt(*args: object, **named: object) -> Response:
        failed = False
        try:
            response = make_response(view(*args, **named))
            # To a browser success is a redirect; a script gets its answer as JSON.
            failed = response.status_code not in (301, 302, 303) and "succeeded" not in g
        finally:
            # A request that was refused, or failed, learned nothing of the password.
            if not failed:
                _give_back(limiter)
        return response

    return attempt


def _give_back(limiter: Limiter) -> None:
    for each in limiter.current_limits:
        # Redis may be gone by now; what it has counted ends by itself.
        with suppress(limiter.storage.base_exceptions):
            if not each.breached:
                limiter.limiter.hit(each.limit, *each.request_args, cost=-1)


def _succeeded(_: Flask, **__: object) -> None:
    g.succeeded = True
