"""Which edition of TimescaleDB answers: the one place that reads it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, text

Edition = Literal["apache", "timescale"]

# What the Apache-2 edition answers where a feature is the Community edition's.
FEATURE_NOT_SUPPORTED = "0A000"


def edition(connection: Connection) -> Edition:
    """Return ``timescale`` (Community: continuous aggregates, policies) or ``apache``."""
    license = connection.scalar(text("select current_setting('timescaledb.license')"))
    return "timescale" if license == "timescale" else "apache"
