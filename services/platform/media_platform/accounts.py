"""The simulated accounts, the tokens that were issued, and who a request comes from."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from threading import Lock

from flask import abort, current_app, request

MOST_TOKENS = 10_000


@dataclass(frozen=True)
class Account:
    """One customer of the platform; ``email`` is its viewer's."""

    id: str
    name: str
    email: str


ACCOUNTS = (
    Account("studio-north", "Studio North", "north@platform.example"),
    Account("studio-south", "Studio South", "south@platform.example"),
    Account("harbor-media", "Harbor Media", "harbor@platform.example"),
)
BY_ID = {account.id: account for account in ACCOUNTS}
BY_EMAIL = {account.email: account for account in ACCOUNTS}


class Tokens:
    """Tokens by account, in memory: a restart ends all of them, as an outage might."""

    def __init__(self, password: str):
        self._password = password.encode()
        self._given: dict[str, tuple[str, float]] = {}
        self._lock = Lock()

    def is_password(self, text: str) -> bool:
        """Whether ``text`` is the one password, compared in constant time."""
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._password)

    def give(self, account: str, seconds: float) -> str:
        """Return a new token of ``account``, valid for ``seconds``."""
        token = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            if len(self._given) >= MOST_TOKENS:
                kept = {key: each for key, each in self._given.items() if each[1] > now}
                # When all of them are still valid, the oldest half goes.
                self._given = dict(list(kept.items())[-MOST_TOKENS // 2 :])
            self._given[token] = (account, now + seconds)
        return token

    def account_of(self, token: str) -> str | None:
        """Return whose token it is; None when it was never given or has ended."""
        account, end = self._given.get(token, ("", 0.0))
        return account if account and time.monotonic() < end else None


def tokens() -> Tokens:
    """Return the tokens of the application that answers."""
    return current_app.extensions["tokens"]


def asking() -> str | None:
    """Return the account id of the request's bearer token; None for the service, which sees all.

    Answers 401 without a valid token.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        if tokens().is_password(token):
            return None
        account = tokens().account_of(token)
        if account:
            return account
    return abort(401, "Send a valid token: Authorization: Bearer <token>.")
