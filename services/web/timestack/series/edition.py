"""The edition of TimescaleDB: the one place that reads it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, text

Edition = Literal["apache", "timescale"]


def edition(connection: Connection) -> Edition:
    """Return ``timescale`` (Community: continuous aggregates, policies) or ``apache``."""
    license = connection.scalar(text("select current_setting('timescaledb.license')"))
    return "timescale" if license == "timescale" else "apache"
