"""How often somebody may guess: per address and per account, counted in Redis for all instances.

Only failures count, so that nobody is kept out by logging in. The address is the one Traefik saw:
it overwrites X-Forwarded-For, and ProxyFix reads just that one entry. While Redis is away each
process counts for itself.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from timestack.domains import accounts
from timestack.settings import Settings

PER_ADDRESS = "30 per minute; 200 per hour"
PER_ACCOUNT = "10 per minute; 50 per hour"
# Each of these sends a mail or makes an account.
PER_ADDRESS_MAKING = "10 per minute; 40 per hour"
# Seconds. A busy moment of Redis must not pass for its absence.
TIMEOUT = 2.0
REDIS_DATABASE = 2


def init_app(app: Flask, settings: Settings) -> None:
    """Limit the forms of Flask-Security, which must be registered already."""
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.redis_url(REDIS_DATABASE),
        storage_options={"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT},
        strategy="moving-window",
        in_memory_fallback_enabled=True,
        headers_enabled=False,
        key_prefix="timestack",
    )
    views = app.view_functions

    def limit(endpoint: str, *limits: tuple[str, object]) -> None:
        if endpoint not in views:
            return
        for rule, key in limits:
            views[endpoint] = limiter.limit(
                rule,
                key_func=key,
                methods=["POST"],
                deduct_when=_failed,
                error_message="Too many attempts. Wait a minute, then try again.",
            )(views[endpoint])

    for endpoint in ("security.login", "security.change_password"):
        limit(endpoint, (PER_ADDRESS, get_remote_address), (PER_ACCOUNT, _account))
    for endpoint in ("security.register", "security.forgot_password", "security.reset_password"):
        limit(endpoint, (PER_ADDRESS_MAKING, get_remote_address))


def _account() -> str:
    """The account a form names, hashed: a key may be long, and Redis need not know it."""
    body = request.get_json(silent=True)
    named = request.form.get("email") or (body.get("email") if isinstance(body, dict) else None)
    named = str(named or "").strip()
    # One spelling of an account counts like the other: example.org in full-width letters, too.
    with suppress(accounts.AccountError):
        named = accounts.normal_email(named)
    return "account:" + hashlib.sha256(named.lower().encode(errors="replace")).hexdigest()


def _failed(response: Response) -> bool:
    # The forms answer success with a redirect, and a refusal with the form again.
    return response.status_code not in (301, 302, 303)
