"""Sending mail by way of a worker."""

from __future__ import annotations

from timestack import queue

TASK = "mail.send"


class NotSentError(RuntimeError):
    """Redis took no message; its text names nobody."""


def send(recipient: str, subject: str, text: str) -> None:
    """Queue a message in plain text; raises NotSentError when the broker is away.

    What it says (a link that lets somebody in) goes through Redis and is nowhere kept.
    """
    if not queue.send(TASK, recipient, subject, text, queue=queue.PERIODIC, hidden=True):
        raise NotSentError("The mail could not be handed over: try again in a minute.")
