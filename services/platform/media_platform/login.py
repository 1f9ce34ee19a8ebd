"""Log-in, and every way in which a platform's log-in fails.

``north@``, ``south@`` and ``harbor@platform.example`` log in with the password of the platform; 401
for anything else. These users of the same domain order a failure, whatever the password:

=============== ================================================================================
``timeout@``    no byte until the client leaves, 60 s at most
``drip@``       a good answer, one byte per second, 60 bytes at most
``error@``      500
``html@``       200 with a log-in page that says success
``empty@``      200 with ``{}``
``notoken@``    200 with the word success and no token
``blanktoken@`` 200 with an empty token
``list@``       200 with a good answer inside a list
``malformed@``  200 with a good answer cut in half
``huge@``       200 with a token that does not end, 64 MB at most
``redirect@``   302 to ``/api/elsewhere``, which gives a token to everybody
=============== ================================================================================

With the right password: ``short@`` is good for 2 s, ``expired@`` for 0 s, and ``other@`` is
answered with the account of another user.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Blueprint, Response, abort, jsonify, redirect, request

from media_platform import faults
from media_platform.accounts import ACCOUNTS, BY_EMAIL, Account, tokens

DOMAIN = "platform.example"
LASTS = 3600

blueprint = Blueprint("login", __name__)


@blueprint.post("/api/login")
def log_in() -> Response:
    """Answer with a token, with 401, or in the way that the user's name orders."""
    sent = request.get_json()
    user, password = (
        (sent.get("user"), sent.get("password")) if isinstance(sent, dict) else (None, None)
    )
    if not isinstance(user, str) or not isinstance(password, str):
        abort(400, 'Send {"user": "<e-mail address>", "password": "<password>"}.')
    user = user.lower()
    name, _, domain = user.rpartition("@")
    if domain == DOMAIN and name in FAILURES:
        return FAILURES[name](user)
    account = BY_EMAIL.get(user)
    seconds = LASTS
    if domain == DOMAIN and name in PECULIAR:
        account, seconds = ACCOUNTS[0], PECULIAR[name]
        user = account.email if name == "other" else user
    if account is None or not tokens().is_password(password):
        response = jsonify(error="invalid_credentials")
        response.status_code = 401
        return response
    return granted(user, account, tokens().give(account.id, seconds), seconds)


def granted(user: str, account: Account, token: str, seconds: int) -> Response:
    """Return the answer of a log-in that succeeded."""
    return jsonify(
        token=token,
        token_type="bearer",  # noqa: S106 - the scheme of RFC 6750
        expires_in=seconds,
        account={"id": account.id, "name": account.name, "email": user},
    )


def convincing(user: str) -> Response:
    """Return an answer that looks good; its token opens nothing."""
    return granted(user, ACCOUNTS[0], secrets.token_urlsafe(32), LASTS)


@blueprint.route("/api/elsewhere", methods=["GET", "POST"])
def elsewhere() -> Response:
    """Answer a client that follows the redirect."""
    return convincing(f"redirect@{DOMAIN}")


def _timeout(_user: str) -> Response:
    return faults.silence()


def _drip(user: str) -> Response:
    return faults.dripping(convincing(user))


def _error(_user: str) -> Response:
    return abort(500, "An error was ordered.")


def _html(_user: str) -> Response:
    return faults.page()


def _empty(_user: str) -> Response:
    return jsonify({})


def _notoken(user: str) -> Response:
    answer = convincing(user).get_json()
    del answer["token"]
    return jsonify(status="success", message="Log-in success", **answer)


def _blanktoken(user: str) -> Response:
    return granted(user, ACCOUNTS[0], "", LASTS)


def _list(user: str) -> Response:
    return jsonify([convincing(user).get_json()])


def _malformed(user: str) -> Response:
    return faults.cut(convincing(user))


def _huge(_user: str) -> Response:
    return faults.endless()


def _redirect(_user: str) -> Response:
    return redirect("/api/elsewhere")


FAILURES: dict[str, Callable[[str], Response]] = {
    "timeout": _timeout,
    "drip": _drip,
    "error": _error,
    "html": _html,
    "empty": _empty,
    "notoken": _notoken,
    "blanktoken": _blanktoken,
    "list": _list,
    "malformed": _malformed,
    "huge": _huge,
    "redirect": _redirect,
}
PECULIAR = {"short": 2, "expired": 0, "other": LASTS}
