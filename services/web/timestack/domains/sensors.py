"""Sensors: what there is to choose from, and changes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from timestack.domains.keyset import Order, Part
from timestack.models.sensors import Sensor as Row

ORDERS = {
    "id": Order((Row.id,)),
    "type": Order((Row.type, Row.id)),
    "location": Order((Row.location, Row.id)),
    "name": Order((Row.name, Row.id)),
}


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


class TakenError(ValueError):
    """Another sensor has the type, location and name."""

    def __init__(self, type: str, location: str, name: str):
        super().__init__(f"there is a sensor of type {type!r} at {location!r} named {name!r}")


def catalogue(session: Session) -> list[Sensor]:
    """Return all sensors in reading order, by type, location and name: one query, a small table."""
    rows = session.execute(select(Row.id, Row.type, Row.location, Row.name, Row.unit))
    found = [Sensor(*row) for row in rows]
    return sorted(found, key=lambda each: (each.type, each.location, each.name))


def listed(
    session: Session,
    order: Order,
    part: Part,
    *,
    type: str | None = None,
    location: str | None = None,
    name: str | None = None,
) -> list[Row]:
    """Return a part of the sensors of a type, at a location, whose name holds ``name``."""
    statement = select(Row)
    if type is not None:
        statement = statement.where(Row.type == type)
    if location is not None:
        statement = statement.where(Row.location == location)
    if name is not None:
        statement = statement.where(Row.name.icontains(name, autoescape=True))
    return list(session.scalars(order.apply(statement, part)))


def get(session: Session, id: int, *, lock: bool = False) -> Row | None:
    """Return a sensor, or None; ``lock`` keeps others from changing it in this transaction."""
    statement = select(Row).where(Row.id == id)
    return session.scalar(statement.with_for_update() if lock else statement)


def add(session: Session, *, type: str, location: str, name: str, unit: str) -> Row:
    """Return the sensor that was added. Raises TakenError."""
    new = insert(Row).values(type=type, location=location, name=name, unit=unit)
    sensor = session.scalar(new.on_conflict_do_nothing().returning(Row))
    if sensor is None:
        raise TakenError(type, location, name)
    return sensor


def change(session: Session, sensor: Row, changes: Mapping[str, str]) -> None:
    """Change columns of a sensor.

    Raises TakenError, and then the transaction is to be ended.
    """
    for column, value in changes.items():
        setattr(sensor, column, value)
    key = sensor.type, sensor.location, sensor.name
    try:
        session.flush()
    except IntegrityError:
        raise TakenError(*key) from None


def of_ids(session: Session, ids: Collection[int]) -> dict[int, Sensor]:
    """Return sensors by their ids, those that there are."""
    columns = (Row.id, Row.type, Row.location, Row.name, Row.unit)
    rows = session.execute(select(*columns).where(Row.id.in_(ids))) if ids else ()
    return {row.id: Sensor(*row) for row in rows}
