"""Logging: one line of JSON per event on standard output, without secrets.

Times are UTC. Every line of a request or a job carries its request id, from the proxy to the
worker. In development a line is text for a person.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from urllib.parse import quote

from timestack.settings import OPTIONAL_SECRETS, Settings

# The request or job of this thread or task; None outside of both.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

HIDDEN = "***"
# Drivers repeat these in their errors: the password of a URL or of a connection string.
PASSWORDS = re.compile(r"""(://[^/\s:@]*:)[^/\s@]+(?=@)|(\bpassword=)(?:'[^']*'|"[^"]*"|[^\s&]+)""")
# The link of a mail lets its holder in; the token is a part of its path.
LINKS = re.compile(r"""(/recover/)[^/\s?"']+""")
# The fields of a line that hold others' text.
FREE = ("message", "path", "exception")
# The logger of the lines that tell of a request: method, path, status, client, bytes, duration (s)
# and request id, without the query, which may hold what a person looked for.
ACCESS = "timestack.access"


def configure(settings: Settings) -> None:
    """Send everything this process logs to standard output, at LOG_LEVEL; safe to repeat."""
    handler = logging.StreamHandler(sys.stdout)
    formatter = TextFormatter if settings.timestack_env == "development" else JsonFormatter
    handler.setFormatter(formatter(_secrets(settings)))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)


def _secrets(settings: Settings) -> list[str]:
    kept = (settings.database_password, *(getattr(settings, name) for name in OPTIONAL_SECRETS))
    values = [secret.get_secret_value() for secret in kept if secret]
    return [*values, *(quote(value, safe="") for value in values)]


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message and the request's fields."""

    def __init__(self, secrets: Iterable[str] = ()):
        super().__init__()
        self._secrets = sorted(set(secrets), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a value that cannot be JSON is written as its text."""
        return json.dumps(self.event(record), ensure_ascii=False, default=str)

    def event(self, record: logging.LogRecord) -> dict:
        """Return the fields of one event, without secrets."""
        facts = record.args if record.name == ACCESS else {}
        known = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **facts,
        }
        if record.exc_info:
            known["exception"] = self.formatException(record.exc_info)
        return {
            name: self.redact(value) if name in FREE else value
            for name, value in known.items()
            if value is not None
        }

    def redact(self, text: str) -> str:
        """Return ``text`` without our secrets, the password in a URL and the token of a link."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = LINKS.sub(rf"\1{HIDDEN}", text)
        return PASSWORDS.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)


class TextFormatter(JsonFormatter):
    """The same for a person at a terminal: one line, and below it the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``time LEVEL logger [request id] message``."""
        event = self.event(record)
        clock = event["time"][11:23]
        id = f" [{event['request_id']}]" if "request_id" in event else ""
        took = f" {event['duration'] * 1000:.0f} ms" if "duration" in event else ""
        line = f"{clock} {record.levelname} {record.name}{id} {event['message']}{took}"
        return "\n".join([line, *([event["exception"]] if "exception" in event else [])])
