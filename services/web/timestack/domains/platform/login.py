"""Logging in at the upstream media platform, which keeps the passwords.

Only one answer is success: status 200, JSON, an object with a token, its lifetime, and the account
of exactly the user who was asked for. Any other answer, or none in time, is a refusal with one
sentence for the person and one for the log.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from timestack.domains.platform import http
from timestack.validation import sentences

LONGEST_ANSWER = 64 * 1024
# No platform grants a token for longer; a larger number is a mistake in its unit.
LONGEST_TOKEN = timedelta(days=366)

DENIED = "The media platform does not accept this e-mail address and password."
SILENT = (
    "The media platform does not answer, so its users cannot log in at the moment."
    " Try again in a few minutes."
)
UNUSABLE = (
    "The media platform gave an answer that cannot be used, so you are not logged in."
    " Try again in a few minutes."
)


class LoginError(Exception):
    """The log-in failed; str() is for the person, ``cause_text`` for the log.

    Neither holds the password, the token or any text that the platform sent: it might repeat them.
    """

    def __init__(self, message: str, cause_text: str):
        self.cause_text = cause_text
        super().__init__(message)


class Denied(LoginError):
    """The platform answered that user and password do not match."""


class Unavailable(LoginError):
    """The platform did not answer, or its answer does not count as a log-in."""


@dataclass(frozen=True)
class Granted:
    """A log-in that the platform granted; ``expires_at`` is UTC and never later than its own."""

    token: SecretStr = field(repr=False)
    expires_at: datetime
    account: str
    name: str
    email: str


class _Account(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
    # No control characters: it is shown on pages and written to logs.
    name: Annotated[str, StringConstraints(pattern=r"^\P{C}+$", max_length=200)]
    email: Annotated[str, StringConstraints(max_length=320)]


class _Answer(BaseModel):
    # Strict: neither true nor "3600" is a number.
    model_config = ConfigDict(strict=True)

    token: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,4096}$")]
    expires_in: Annotated[float, Field(gt=0, le=LONGEST_TOKEN.total_seconds(), allow_inf_nan=False)]
    account: _Account


def log_in(
    base_url: str,
    user: str,
    password: str,
    *,
    deadline: float = 5.0,
    verify: ssl.SSLContext | bool = True,
) -> Granted:
    """Ask the platform at ``base_url`` whether ``password`` is that of ``user``, an e-mail address.

    ``deadline`` is in seconds and holds for everything together: name, connection, TLS, and an
    answer that arrives byte by byte. ``verify`` is as in httpx. Proxies and credentials of the
    environment are not used, so the password goes nowhere but to ``base_url``.

    Raises Denied when the platform says no and Unavailable for everything else.
    """
    # Escaped to ASCII: what is typed may hold lone surrogates, which UTF-8 cannot carry.
    question = json.dumps({"user": user, "password": password}).encode("ascii")
    # Counted from before the request: the token is never taken for valid after its end.
    asked = datetime.now(UTC)
    try:
        answered = http.ask(
            f"{base_url.rstrip('/')}/api/login",
            body=question,
            deadline=deadline,
            longest=LONGEST_ANSWER,
            verify=verify,
        )
    except http.StatusError as error:
        if error.status == 401:
            raise Denied(DENIED, "the platform answered 401 to user and password") from None
        raise Unavailable(UNUSABLE, f"asking the platform: {error}") from None
    except http.SilentError as error:
        raise Unavailable(SILENT, f"asking the platform: {error}") from None
    except http.UpstreamError as error:
        raise Unavailable(UNUSABLE, f"asking the platform: {error}") from None
    answer = _parse(answered.body)
    # Only ASCII letters are folded: other foldings make two addresses of different people one.
    if answer.account.email.encode().lower() != user.encode("utf-8", "surrogatepass").lower():
        raise Unavailable(UNUSABLE, "the platform answered for another user than the one asked for")
    return Granted(
        SecretStr(answer.token),
        asked + timedelta(seconds=answer.expires_in),
        answer.account.id,
        answer.account.name,
        answer.account.email,
    )


def _parse(text: bytes) -> _Answer:
    try:
        return _Answer.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(sentences(error, "the document"))
        raise Unavailable(UNUSABLE, f"the platform's answer: {faults}") from None
