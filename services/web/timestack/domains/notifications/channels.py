"""Where messages go: a webhook, an e-mail address, both or neither."""

from __future__ import annotations

from collections.abc import Mapping

from timestack.domains.jobs.kinds import Channel, Message
from timestack.settings import Settings

TITLES: Mapping[Channel, str] = {"webhook": "webhook", "email": "e-mail"}
MISSING: Mapping[Channel, str] = {
    "webhook": "write its address into notify_webhook under SECRETS_PATH and run `make up`",
    "email": "write NOTIFY_EMAIL and SMTP_HOST into .env and run `make up`",
}


def configured(settings: Settings) -> list[Channel]:
    """Return the channels that are set up."""
    there = {
        "webhook": settings.notify_webhook is not None,
        "email": bool(settings.notify_email and settings.smtp_host),
    }
    return [channel for channel in TITLES if there[channel]]


def subject_of(message: Message, settings: Settings) -> str:
    """Return a message's subject with the name of this site, of which there may be several."""
    return f"[{settings.timestack_domain}] {message.subject}"


def text_of(message: Message, settings: Settings) -> str:
    """Return a message's text, with a link at its end where there is something to look at."""
    link = f"{settings.public_origin}{settings.url_prefix}{message.path}" if message.path else ""
    return "\n".join(filter(None, (message.text, link)))
