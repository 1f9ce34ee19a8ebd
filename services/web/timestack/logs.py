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
# What looks like a secret; a first group is what shows that, and stays.
SECRETS = tuple(
    re.compile(pattern)
    for pattern in (
        # Drivers repeat these in their errors: the password of a URL or of a connection string.
        r"""(://[^/\s:@]*:)[^/\s@]+(?=@)""",
        r"""((?i:password|passwd|token|api[_-]?key|access[_-]?key)=|\bsecret=)"""
        r"""(?:'[^']*'|"[^"]*"|[^\s&'"]+)""",
        r"""((?i:password|passwd|token|secret|key)["']: ?["'])[^"']+""",
        r"""((?i:\bbearer) +)[\w.~+/=-]{8,}""",
        r"""((?i:\bauthorization: ?)\w+ +)\S+""",
        # Ours (domains/tokens.py), and the beginning of one.
        r"""(tsk_)\w+""",
        # The link of a mail lets its holder in, and a webhook's address lets its holder write; the
        # token is a part of the path.
        r"""(/recover/|/hooks/|/api/webhooks/|//hooks\.slack\.com/)[^\s?"']+""",
    )
)
# A text without any of these matches none of them, and this is found out faster.
HINTS = (
    "://",
    "passw",
    "token",
    "key",
    "secret",
    "bearer",
    "authorization",
    "tsk_",
    "/recover/",
    "hooks/",
)
# What is nothing but random has letters of both cases and digits: a name or a digest has not.
LONG = re.compile(r"[\w-]{32,}")
RANDOM = tuple(re.compile(pattern) for pattern in (r"\d", r"[a-z]", r"[A-Z]"))
# The fields of a line that hold others' text.
FREE = ("message", "path", "exception")
# The logger of the lines that tell of a request: method, path, status, client, bytes, duration (s)
# and request id, without the query, which may hold what a person looked for.
ACCESS = "timestack.access"


def configure(settings: Settings) -> None:
    """Send everything this process logs to standard output, at LOG_LEVEL; safe to repeat."""
    handler = logging.StreamHandler(sys.stdout)
    formatter = TextFormatter if settings.timestack_env == "development" else JsonFormatter
    handler.setFormatter(formatter(secrets_of(settings)))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # They log whole addresses, and that of a webhook is a secret in itself.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def masked(text: str) -> str:
    """Return ``text`` without what looks like a secret, whosever it is."""
    lower = text.lower()
    for pattern in SECRETS if any(hint in lower for hint in HINTS) else ():
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return LONG.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)


def _is_random(text: str) -> bool:
    return all(pattern.search(text) for pattern in RANDOM)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` without these secrets, and what looks like another one."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return masked(text)


def secrets_of(settings: Settings) -> list[str]:
    """Return the secrets that this process holds, as they are and as they are in a URL."""
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
        """Return ``text`` without our secrets, and what looks like another one."""
        return redacted(text, self._secrets)


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
