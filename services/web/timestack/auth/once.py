"""A secret that is shown once: made by a form, it comes with the page that the form leads to.

Between the two it is in a cookie of a minute, sealed, and for its user alone: it is in no address,
no history and no store of ours, and reloading the page neither shows nor makes it again.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Response, request

from timestack.auth.security import cookie_name
from timestack.settings import Settings

LIFETIME = 60


def hand_on(response: Response, settings: Settings, user_id: int, secret: str) -> None:
    """Let the next page that ``user_id`` opens show a secret."""
    sealed = _seals(settings).encrypt(json.dumps([user_id, secret]).encode())
    response.set_cookie(
        cookie_name("once", settings),
        sealed.decode(),
        max_age=LIFETIME,
        secure=True,
        httponly=True,
        samesite="Strict",
    )


def take(settings: Settings, user_id: int) -> str | None:
    """The secret that this request brings for ``user_id``; None without one."""
    sealed = request.cookies.get(cookie_name("once", settings), "").encode(errors="replace")
    try:
        owner, secret = json.loads(_seals(settings).decrypt(sealed, ttl=LIFETIME))
    except InvalidToken:
        return None
    return secret if owner == user_id else None


def forget(response: Response, settings: Settings) -> None:
    """Delete the cookie, if there is one."""
    name = cookie_name("once", settings)
    if name in request.cookies:
        response.delete_cookie(name, secure=True, httponly=True, samesite="Strict")


def _seals(settings: Settings) -> MultiFernet:
    """Fernet: AES-128-CBC with HMAC-SHA256; the derivation of its keys: RFC 5869."""
    return MultiFernet([Fernet(_derived(key)) for key in settings.signing_keys])


def _derived(key: str) -> bytes:
    derivation = HKDF(SHA256(), length=32, salt=None, info=b"timestack shown once")
    return urlsafe_b64encode(derivation.derive(key.encode()))
