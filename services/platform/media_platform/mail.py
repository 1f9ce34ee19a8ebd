"""A mail server that delivers nothing: it keeps the last messages and shows them over HTTP."""

from __future__ import annotations

from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Blueprint, Response, current_app, jsonify

KEPT = 100
LONGEST_MESSAGE = 1024 * 1024

blueprint = Blueprint("mail", __name__)


class Mailbox:
    """The last KEPT messages, oldest first; aiosmtpd hands them over from its own thread."""

    def __init__(self) -> None:
        self.messages: deque[dict] = deque(maxlen=KEPT)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a message; addresses are the envelope's, what the header claims may differ."""
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.messages.append(
            {
                "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos),
                "subject": str(message["Subject"] or ""),
                "text": _body(message),
            }
        )
        return "250 Kept, not delivered"


def _body(message: EmailMessage) -> str:
    """Return the plain text; the HTML if there is none; empty without either."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        return part.get_content()
    except (LookupError, ValueError):
        return (part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def serve(mailbox: Mailbox, host: str, port: int) -> Controller:
    """Take mail at ``host:port`` from now on, in a thread that ends with the process.

    Raises OSError when the port cannot be opened.
    """
    controller = Controller(mailbox, host, port, data_size_limit=LONGEST_MESSAGE)
    controller.start()
    return controller


@blueprint.get("/mail")
def shown() -> Response:
    """Answer with the messages, newest last."""
    return jsonify(list(current_app.extensions["mailbox"].messages))


@blueprint.delete("/mail")
def forget() -> tuple[str, int]:
    """Forget all messages."""
    current_app.extensions["mailbox"].messages.clear()
    return "", 204
