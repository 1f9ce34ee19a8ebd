"""Sending mail, which needs the way out that only workers have."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from timestack.domains import mail
from timestack.queue import app
from timestack.settings import Settings

TIMEOUT = 20
RETRIES = 5


@app.task(
    name="mail.send",
    autoretry_for=(OSError, smtplib.SMTPException),
    max_retries=RETRIES,
    retry_backoff=10,
    soft_time_limit=60,
    time_limit=70,
)
def send(recipient: str, subject: str, sealed: str) -> None:
    """Send one message by SMTP_HOST; tried again for about five minutes when it is away.

    ``sealed`` is its text by ``timestack.domains.mail.seal``.
    """
    settings = Settings.load(needs=["redis_password"])
    deliver(settings, recipient, subject, mail.unseal(sealed))


def deliver(settings: Settings, recipient: str, subject: str, text: str) -> None:
    """Hand a message in plain text to SMTP_HOST. Raises OSError and smtplib.SMTPException."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    message.set_content(text)
    with _server(settings) as server:
        if settings.smtp_tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_user and settings.smtp_password:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(message)


def _server(settings: Settings) -> smtplib.SMTP:
    where = (settings.smtp_host, settings.smtp_port)
    if settings.smtp_tls == "implicit":
        return smtplib.SMTP_SSL(*where, timeout=TIMEOUT, context=ssl.create_default_context())
    return smtplib.SMTP(*where, timeout=TIMEOUT)
