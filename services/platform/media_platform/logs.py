"""Logging: one line of JSON per event on standard output, the password taken out."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, and an error's traceback."""

    def __init__(self, password: str):
        super().__init__()
        self._password = password

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redacted(record.getMessage()),
        }
        if record.exc_info:
            event["exception"] = self._redacted(self.formatException(record.exc_info))
        return json.dumps(event, ensure_ascii=False)

    def _redacted(self, text: str) -> str:
        return text.replace(self._password, "***")


def configure(password: str) -> None:
    """Send everything this process logs to standard output, without ``password``."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(password))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # aiosmtpd logs each command of each client at INFO.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
