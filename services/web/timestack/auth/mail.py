"""Mail is sent by a worker: the web itself has no way out."""

from __future__ import annotations

import logging

from flask_security import MailUtil

from timestack.domains import mail

log = logging.getLogger(__name__)


class Mail(MailUtil):
    """Hands what Flask-Security writes to the queue."""

    def send_mail(self, template, subject, recipient, sender, body, html, **kwargs) -> None:
        """Queue one message in plain text.

        A broker that is away is only logged: an error page would show which addresses are known.
        """
        if not mail.send(recipient, subject, body):
            log.error("a mail (%s) could not be given to a worker and is lost", template)
