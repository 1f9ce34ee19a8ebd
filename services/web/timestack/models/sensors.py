"""Sensors and what they read."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from timestack.models.base import Base


class Sensor(Base):
    """One measured quantity at one place; ``unit`` is the unit of its readings."""

    __tablename__ = "sensors"
    __table_args__ = (UniqueConstraint("type", "location", "name"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    type: Mapped[str]
    location: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str]


class Reading(Base):
    """One value of one sensor; its key and indexes are declared in hypertables.yaml."""

    __tablename__ = "readings"
    # The object-relational mapper wants a key; the database has it as a unique index.
    __mapper_args__: ClassVar = {"primary_key": ["sensor_id", "time"]}

    time: Mapped[datetime]
    sensor_id: Mapped[int] = mapped_column(ForeignKey("sensors.id"))
    value: Mapped[float]
