"""Sending mail by way of a worker.

A mail may contain a link to choose a new password. It travels sealed, since Redis writes messages
to its files, and the worker monitor shows them. The key comes
from the application's database password, which web and worker hold and Redis does not.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from timestack import logs, queue
from timestack.settings import Settings

TASK = "mail.send"


class SealError(ValueError):
    """The text was sealed under another database password, or is incomplete."""

    def __init__(self) -> None:
        super().__init__("the mail was sealed before the database password was changed: it is lost")


def send(recipient: str, subject: str, text: str) -> bool:
    """Queue a message in plain text; False when the broker does not answer."""
    return queue.send(
        TASK,
        recipient,
        subject,
        seal(text),
        queue=queue.MAIL,
        request_id=logs.request_id.get(),
        hidden=True,
    )


def seal(text: str) -> str:
    """Return ``text`` as only web and worker can read it."""
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed. Raises SealError."""
    try:
        return _cipher().decrypt(sealed).decode()
    except InvalidToken:
        raise SealError from None


def _cipher() -> Fernet:
    """Fernet: AES-128-CBC with HMAC-SHA256; the derivation of its key: RFC 5869."""
    password = Settings.load().database_password.get_secret_value()
    derived = HKDF(SHA256(), length=32, salt=None, info=b"timestack mails")
    return Fernet(urlsafe_b64encode(derived.derive(password.encode())))
