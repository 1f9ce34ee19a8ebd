"""Sensors: what is measured, and where."""

from __future__ import annotations

from typing import Literal

from flask import url_for
from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from timestack import db
from timestack.api import idempotency, paging
from timestack.api.conditional import require_match
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, ExtentView, Name, Text, View
from timestack.domains import sensors
from timestack.domains.keyset import named
from timestack.models.sensors import Sensor
from timestack.series.extent import extent
from timestack.words import sentence

resource = Resource(
    "sensors", __name__, url_prefix="/sensors", about="What is measured, and where."
)


class SensorsQuery(paging.ListQuery):
    """Which sensors: of a type, at a location, whose name holds ``name``, in capitals or not."""

    type: Text | None = None
    location: Text | None = None
    name: Text | None = None
    sort: Literal["id", "-id", "type", "-type", "location", "-location", "name", "-name"] = "id"


class NewSensor(Body):
    """A sensor; no other has its type, location and name. ``unit`` is that of its readings."""

    type: Name
    location: Name
    name: Name
    unit: Name


class SensorChange(Body):
    """What is to be another; what is left out stays."""

    # Not None: a sensor has all of these, so that null is a fault.
    type: Name = Field(default_factory=str)
    location: Name = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    unit: Name = Field(default_factory=str)


class SensorView(View):
    """A sensor; ``unit`` is the unit of its readings."""

    id: int
    type: str
    location: str
    name: str
    unit: str


class SensorDetail(SensorView):
    """A sensor, and from when to when it has readings; null without any."""

    extent: ExtentView | None


class SensorList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[SensorView]
    next: str | None


@resource.get("", query=SensorsQuery, answer=SensorList)
def index(query: SensorsQuery) -> Answer:
    """List sensors.

    In the order of ``sort``, with a minus in reverse; ``next`` and the header Link lead on.
    """
    order = named(sensors.ORDERS, query.sort)
    chosen = query.model_dump(include={"type", "location", "name"})
    with db.session() as session:
        rows = sensors.listed(session, order, paging.part(query, order), **chosen)
    return paging.answer(SensorList, query, order, rows)


@resource.post(
    "",
    body=NewSensor,
    headers=("Idempotency-Key",),
    answer=SensorView,
    status=201,
    problems=(409,),
)
def create(body: NewSensor) -> Answer:
    """Add a sensor.

    With an ``Idempotency-Key``, the same request within a day is answered the same and adds
    nothing. 409 another sensor has type, location and name, or another request had the key.
    """
    try:
        with db.session() as session:
            made = idempotency.once(
                session,
                body,
                SensorView,
                lambda: SensorView.model_validate(sensors.add(session, **body.model_dump())),
            )
    except sensors.TakenError as error:
        raise Conflict(sentence(error)) from None
    return Answer(made, headers={"Location": url_for("api.sensors.show", id=made.id)})


@resource.get("/<int:id>", answer=SensorDetail, problems=(404,))
def show(id: int) -> SensorDetail:
    """Show a sensor, and from when to when it has readings."""
    with db.session() as session:
        return _shown(session, _found(session, id))


@resource.patch(
    "/<int:id>",
    body=SensorChange,
    headers=("If-Match",),
    answer=SensorDetail,
    problems=(404, 409, 412),
)
def change(id: int, body: SensorChange) -> SensorDetail:
    """Change a sensor.

    Its readings stay its own. With ``If-Match``, only while the sensor is as it was got, without
    readings since. 409 another sensor has type, location and name.
    """
    try:
        with db.session() as session:
            sensor = _found(session, id, lock=True)
            require_match(_shown(session, sensor))
            sensors.change(session, sensor, body.model_dump(exclude_unset=True))
            return _shown(session, sensor)
    except sensors.TakenError as error:
        raise Conflict(sentence(error)) from None


def _found(session: Session, id: int, *, lock: bool = False) -> Sensor:
    sensor = sensors.get(session, id, lock=lock)
    if sensor is None:
        raise NotFound(f"There is no sensor {id}.")
    return sensor


def _shown(session: Session, sensor: Sensor) -> SensorDetail:
    of_readings = extent(session, "readings", {"sensor_id": sensor.id})
    shown = SensorView.model_validate(sensor).model_dump()
    return SensorDetail.model_validate({**shown, "extent": of_readings})
