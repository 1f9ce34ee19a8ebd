"""Sensors: what there is to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.models.sensors import Sensor as Row


@dataclass(frozen=True)
class Sensor:
    """One measured quantity at one place; ``unit`` is the unit of its readings, such as "mph"."""

    id: int
    type: str
    location: str
    name: str
    unit: str

    @property
    def heading(self) -> str:
        """The name as the first word of a line; capitals within it stay as they are."""
        return self.name[:1].upper() + self.name[1:]


def catalogue(session: Session) -> list[Sensor]:
    """Return all sensors in reading order, by type, location and name: one query, a small table."""
    rows = session.execute(select(Row.id, Row.type, Row.location, Row.name, Row.unit))
    found = [Sensor(*row) for row in rows]
    return sorted(found, key=lambda each: (each.type, each.location, each.name))
