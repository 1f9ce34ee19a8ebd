"""Notifications on their way: shared out among the channels, delivered, summarised."""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from functools import cache

from sqlalchemy.orm import Session

from timestack.domains.jobs.kinds import Delivery, Notification, SummaryParams
from timestack.domains.jobs.steps import LaterError, PermanentError
from timestack.domains.notifications import channels, rate, webhook
from timestack.logs import redacted, secrets_of
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks import mail
from timestack.tasks.job import job

log = logging.getLogger(__name__)


@job("notify.send")
def send(session: Session, progress: Progress, params: Notification) -> dict:
    """Hand a notification to each channel, which delivers it or holds it back."""
    found = channels.configured(Settings.load())
    if not found:
        _say_that_nobody_is_told()
    sent = [channel for channel in found if rate.pass_on(session, channel, params)]
    return {"sent": sent, "held": [channel for channel in found if channel not in sent]}


@job("notify.summary")
def summary(session: Session, progress: Progress, params: SummaryParams) -> dict:
    """Hand a message to a channel that counts those held back."""
    return {"held": rate.summarise(session, params.channel)}


@job("notify.deliver")
def deliver(session: Session, progress: Progress, params: Delivery) -> dict:
    """Deliver one message; twice where the process dies between that and its own end."""
    settings = Settings.load()
    if params.channel not in channels.configured(settings):
        raise PermanentError(f"it is not set up: {channels.MISSING[params.channel]}")
    ours = secrets_of(settings)
    subject = redacted(channels.subject_of(params, settings), ours)
    text = redacted(channels.text_of(params, settings), ours)
    (_post if params.channel == "webhook" else _mail)(settings, subject, text)
    return {"sent": params.channel}


@cache
def _say_that_nobody_is_told() -> None:
    """Once in a process."""
    log.info("nobody is told of failed jobs and the like: no webhook and no NOTIFY_EMAIL is set up")


def _post(settings: Settings, subject: str, text: str) -> None:
    url = settings.notify_webhook.get_secret_value()
    if settings.production and not url.startswith("https://"):
        raise PermanentError(
            "webhook: in production its address begins with https://, since it is a secret:"
            f" {channels.MISSING['webhook']}"
        )
    try:
        webhook.post(url, f"{subject}\n{text}")
    except webhook.WebhookError as error:
        why = f"webhook: {error}"
        if not error.passing:
            raise PermanentError(f"{why}; {channels.MISSING['webhook']}") from None
        raise LaterError(why, timedelta(seconds=error.retry_after or 0)) from None


def _mail(settings: Settings, subject: str, text: str) -> None:
    try:
        mail.deliver(settings, settings.notify_email, subject, text)
    except smtplib.SMTPResponseException as error:
        # Not what it says, which may repeat what it was sent.
        raise LaterError(f"e-mail: the server's answer is {error.smtp_code}") from None
    except smtplib.SMTPException as error:
        raise LaterError(f"e-mail: sending failed with {type(error).__name__}") from None
    except OSError as error:
        raise LaterError(f"e-mail: no connection: {error}") from None
