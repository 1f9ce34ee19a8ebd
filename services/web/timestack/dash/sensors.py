"""Sensors: pick one, see any range of its history at the resolution of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import html
from sqlalchemy.orm import Session

from timestack.dash import states
from timestack.dash.choice import Choice, Comparison, DropDown, Peer
from timestack.dash.page import ChartPage
from timestack.dash.timechart import Band, DailyChart, Line, TimeChart, hypertable_line
from timestack.domains import sensors
from timestack.domains.alerts import listing
from timestack.domains.sensors import Sensor

EMPTY = states.empty(
    html.Li(
        [
            html.Code("SEED=yes"),
            " in ",
            html.Code(".env"),
            ", then ",
            html.Code("make up"),
            ": a year of real weather at three airports.",
        ]
    ),
    html.Li(
        [
            "Files of your own, the sensors before their readings:",
            html.Ol(
                [
                    states.file("sensors", "id, type, location, name, unit", "sensor"),
                    states.file(
                        "readings", "time, sensor_id, value", "reading, of the sensor with that id"
                    ),
                ]
            ),
        ]
    ),
)


def offers(session: Session) -> dict[tuple[str, str, str], Sensor]:
    """Every sensor, by what the reader chooses."""
    return {(s.type, s.location, s.name): s for s in sensors.catalogue(session)}


def peer(sensor: Sensor) -> Peer:
    """How a sensor is called beside others of its type and unit."""
    label = f"{sensor.location} · {sensor.name}"
    return Peer(str(sensor.id), label, f"{sensor.type}\n{sensor.unit}")


def lines(session: Session, chosen: Sequence[Sensor]) -> list[Line]:
    """The readings of a sensor with the times of its alerts, and those of others beside it."""
    sensor, *others = chosen
    return [line(session, sensor, alerts=True), *(line(session, each) for each in others)]


def line(session: Session, sensor: Sensor, *, alerts: bool = False) -> Line:
    """The readings of a sensor."""
    keys = {"sensor_id": sensor.id}

    def bands(start: datetime, end: datetime) -> list[Band]:
        found = listing.of_series(session, "readings", keys, start, end)
        return [
            # Where the readings were back, which those of a rule that was removed never were.
            Band(a.since, a.resolved_at and (a.clear_since or a.resolved_at), a.rule, a.low, a.high)
            for a in found
        ]

    return hypertable_line(
        session,
        "readings",
        keys,
        title=f"{sensor.heading}, {sensor.location}",
        quantity=sensor.heading,
        unit=sensor.unit,
        bands=bands if alerts else None,
    )


PAGE = ChartPage(
    path="sensors",
    title="Sensors",
    about="Choose a type, a place and a sensor; see a day, a week, a month or all of its readings.",
    table="readings",
    choice=Choice(
        "sensor",
        [
            DropDown("sensor-type", "Type", "type"),
            DropDown("sensor-location", "Location", "location"),
            DropDown("sensor-name", "Sensor", "sensor"),
        ],
        offers,
        Comparison("sensor-beside", "Compare with", "compare", peer),
    ),
    charts=[TimeChart("detail", lines), DailyChart("daily", lines)],
    empty=EMPTY,
)
