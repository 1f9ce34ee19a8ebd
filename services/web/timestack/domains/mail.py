"""Sending mail by way of a worker."""

from __future__ import annotations

from timestack import queue

TASK = "mail.send"


def send(recipient: str, subject: str, text: str) -> bool:
    """Queue a message in plain text; False when the broker is away.

    What it says (a link that lets somebody in) goes through Redis and is nowhere kept.
    """
    return queue.send(TASK, recipient, subject, text, queue=queue.PERIODIC, hidden=True)
