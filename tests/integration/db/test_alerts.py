"""Alerts: what rules find in real readings, what becomes of it, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from tests.integration.db.conftest import Database
from timestack import db
from timestack.domains.alerts import rules, silences
from timestack.domains.alerts.evaluate import Evaluation, evaluate
from timestack.domains.jobs import listing
from timestack.models.alerts import Alert
from timestack.models.sensors import Reading, Sensor
from timestack.series import catalog
from timestack.series import rollups as keeping

pytestmark = pytest.mark.database

DECLARED = catalog.load(rules.alerts_file().with_name("hypertables.yaml"))
SENSORS = [
    ("temperature", "cellar", "north wall", "°C"),
    ("temperature", "attic", "floor", "°C"),
    ("humidity", "cellar", "north wall", "%"),
]
HOT = "table: readings, above: 30, clear: 25"


@pytest.fixture(scope="module")
def sensors(provisioned: Database) -> Iterator[list[int]]:
    """The ids of a few sensors, in the order of SENSORS."""
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        names = ("type", "location", "name", "unit")
        rows = [dict(zip(names, each, strict=True)) for each in SENSORS]
        made = session.scalars(insert(Sensor).returning(Sensor.id, sort_by_parameter_order=True), rows)
        ids = list(made)
    yield ids
    engine.dispose()


@pytest.fixture
def cellar(provisioned: Database, sensors: list[int]) -> int:
    """The first sensor; nothing has been read, found, silenced or told."""
    db.init(provisioned.settings("app"))
    provisioned.sql("truncate readings, readings_1h, readings_1d, alerts, alert_silences, jobs")
    return sensors[0]


def read(sensor: int, *values: tuple[float, float]) -> None:
    """Readings, each a value and how many minutes ago it was."""
    now = datetime.now(UTC)
    rows = [
        {"time": now - timedelta(minutes=ago), "sensor_id": sensor, "value": value}
        for value, ago in values
    ]
    with db.session() as session:
        session.execute(insert(Reading), rows)


def declare(*lines: str, name: str = "hot") -> rules.Rules:
    """A file of one rule, of YAML's short form."""
    return rules.parse(f"rules: {{{name}: {{{', '.join(lines)}}}}}", DECLARED)


def look(given: rules.Rules) -> Evaluation:
    with db.session() as session:
        return evaluate(session, given, DECLARED)


def states(given: rules.Rules) -> dict[Any, str]:
    """Sensor -> state, after a look."""
    return {each.keys.get("sensor_id"): each.state for each in look(given).alerts}


def told() -> list[dict]:
    """The messages, oldest first."""
    with db.session() as session:
        found = listing.latest(session, listing.Filter("notify.send"))
        return [job.params for job in reversed(found)]


def history() -> list[Alert]:
    with db.session() as session:
        return list(session.scalars(select(Alert).order_by(Alert.id)))


# Conditions


@pytest.mark.parametrize(
    ("condition", "alert", "fine"),
    [
        ("above: 30, clear: 25", 30.1, 30.0),
        ("below: 5, clear: 8", 4.9, 5.0),
        ("outside: [5, 30], clear: [8, 25]", 31.0, 5.0),
        ("outside: [5, 30], clear: [8, 25]", 4.0, 30.0),
    ],
)
def test_the_newest_reading_beyond_a_threshold_is_an_alert_of_its_series(
    cellar: int, sensors: list[int], condition: str, alert: float, fine: float
) -> None:
    read(cellar, (fine, 3), (alert, 1))
    read(sensors[1], (alert, 3), (fine, 1))
    assert states(declare("table: readings", condition)) == {cellar: "firing"}


def test_a_rate_of_change_is_that_of_the_newest_reading_against_one_before(cellar: int) -> None:
    rule = declare("table: readings, of: change, over: 10 minutes, above: 5, clear: 2")
    read(cellar, (20, 30), (20, 20), (24, 10))
    assert states(rule) == {}
    # 12 in 20 minutes are 6 in 10.
    read(cellar, (32, 0))
    assert states(rule) == {}
