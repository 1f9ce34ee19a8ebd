"""Mail is sent by a worker: the web itself calls nobody."""

from __future__ import annotations

from flask_security import MailUtil

from timestack.domains import mail


class Mail(MailUtil):
    """Hands what Flask-Security writes to the queue."""

    def send_mail(self, template, subject, recipient, sender, body, html, **kwargs) -> None:
        """Queue one message in plain text; a broker that is away raises ``mail.NotSentError``."""
        mail.send(recipient, subject, body)
