"""Alerts: what was found, what is silenced, and which rules could not be looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base

OPEN = ("pending", "firing")
STATES = (*OPEN, "resolved")


class Alert(Base):
    """One rule's condition on one series, from when it began to when it was over.

    ``keys`` are the series' key columns and values, ``label`` is what people know it by. ``since``
    is when the condition began and ``seen_at`` when ``value`` was read, by the times of the
    readings; of what is looked at over a time, and of no data, by the clock of the database.
    ``fired_at`` and ``resolved_at`` are by that clock; ``clear_since`` is since when the value has
    been back. ``low`` and ``high`` are the thresholds of the values, None where there is none.
    ``digest`` tells whether the rule is still the one that found it, ``told`` whether people know
    that it fires. ``reason`` is why it was resolved. Times are in UTC.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="state"),
        # One alert of a rule and a series at a time, whoever evaluates.
        Index("alerts_open_key", "rule", "keys", unique=True, postgresql_where=f"state in {OPEN}"),
        # History: the newest first, of all or of a rule; and of one series, for its chart.
        Index("alerts_fired_at_idx", "fired_at", "id", postgresql_where="fired_at is not null"),
        Index("alerts_rule_idx", "rule", "fired_at", "id", postgresql_where="fired_at is not null"),
        Index("alerts_keys_idx", "source", "keys", postgresql_where="fired_at is not null"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    rule: Mapped[str]
    digest: Mapped[str]
    source: Mapped[str]
    value_column: Mapped[str] = mapped_column(server_default="")
    keys: Mapped[dict[str, Any]] = mapped_column(JSONB)
    label: Mapped[str]
    severity: Mapped[str]
    state: Mapped[str]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    clear_since: Mapped[datetime | None]
    fired_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")
    told: Mapped[bool] = mapped_column(server_default="false")


class Silence(Base):
    """A rule, or one series of it, of which nobody is told until a time (UTC).

    ``keys`` is empty where all of the rule is silent.
    """

    __tablename__ = "alert_silences"
    __table_args__ = (UniqueConstraint("rule", "keys"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    rule: Mapped[str]
    keys: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    until: Mapped[datetime]
    silenced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    silenced_by: Mapped[str] = mapped_column(server_default="")


class RuleFault(Base):
    """A rule that could not be looked at, since when (UTC) and, at the last look, why."""

    __tablename__ = "alert_faults"

    rule: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=func.now())
