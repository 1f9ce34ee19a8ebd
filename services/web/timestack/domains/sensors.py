"""The catalogue of sensors, and the time range in which a sensor has readings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.models.sensors import Reading
from timestack.models.sensors import Sensor as Row
from timestack.series import catalog


class UnknownSensorError(LookupError):
    """No sensor has this type, location and name; the message says which of them fails."""


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


@dataclass(frozen=True)
class Extent:
    """The times of a sensor's first and last reading, both inclusive and in UTC."""

    first: datetime
    last: datetime


class Catalogue:
    """All sensors in reading order: by type, then location, then name."""

    def __init__(self, sensors: Iterable[Sensor]):
        self.sensors = sorted(sensors, key=lambda each: (each.type, each.location, each.name))

    def __bool__(self) -> bool:
        return bool(self.sensors)

    def types(self) -> list[str]:
        """Every type there is."""
        return _distinct(each.type for each in self.sensors)

    def locations(self, type: str) -> list[str]:
        """Where there are sensors of this type."""
        return _distinct(each.location for each in self.sensors if each.type == type)

    def names(self, type: str, location: str) -> list[str]:
        """The sensors of this type at this place."""
        return [s.name for s in self.sensors if (s.type, s.location) == (type, location)]

    def find(self, type: str, location: str, name: str) -> Sensor:
        """Return the sensor with exactly these; raises UnknownSensorError."""
        for each in self.sensors:
            if (each.type, each.location, each.name) == (type, location, name):
                return each
        raise UnknownSensorError(f"There is no sensor “{name}” of type “{type}” at “{location}”.")

    def nearest(
        self, type: str | None = None, location: str | None = None, name: str | None = None
    ) -> Sensor:
        """Return a sensor that keeps as much of the choice as exists, from left to right.

        A part that is None or does not occur below the parts before it becomes the first one that
        does. Raises UnknownSensorError when there is no sensor at all.
        """
        if not self.sensors:
            raise UnknownSensorError("There are no sensors.")
        type = _nearest_of(type, self.types())
        location = _nearest_of(location, self.locations(type))
        return self.find(type, location, _nearest_of(name, self.names(type, location)))


def catalogue(session: Session) -> Catalogue:
    """Read all sensors: one query of a small table."""
    rows = session.execute(select(Row.id, Row.type, Row.location, Row.name, Row.unit))
    return Catalogue(Sensor(*row) for row in rows)


def extent(session: Session, sensor_id: int) -> Extent | None:
    """Return the times of the first and last reading, or None while there is none.

    A reading outside of the table's declared bounds, from before they were declared, does not
    count. Each is one step in the index on (sensor_id, time desc), read from either end.
    """
    since, until = catalog.current().span("readings")
    shown = Reading.sensor_id == sensor_id, Reading.time >= since, Reading.time < until
    times = select(Reading.time).where(*shown).limit(1)
    first, last = session.execute(
        select(
            times.order_by(Reading.time).scalar_subquery(),
            times.order_by(Reading.time.desc()).scalar_subquery(),
        )
    ).one()
    return None if first is None else Extent(first, last)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _nearest_of(wanted: str | None, there: list[str]) -> str:
    return wanted if wanted in there else there[0]
