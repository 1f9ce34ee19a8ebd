"""Alerts: what rules find in real readings, what becomes of it, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import db
from timestack.domains.alerts import listing as shown
from timestack.domains.alerts import rules, silences
from timestack.domains.alerts.changes import Evaluation
from timestack.domains.alerts.evaluate import evaluate
from timestack.domains.jobs import listing
from timestack.models.alerts import Alert
from timestack.models.sensors import Reading, Sensor
from timestack.series import catalog
from timestack.series import rollups as keeping

pytestmark = pytest.mark.database

DECLARED = catalog.load(SCHEMA_FILE)
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
        made = session.scalars(
            insert(Sensor).returning(Sensor.id, sort_by_parameter_order=True), rows
        )
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
    read(cellar, (20, 30), (24, 10))
    # 4 in 20 minutes.
    assert states(rule) == {}
    read(cellar, (30, 0))
    assert states(rule) == {cellar: "firing"}
    assert history()[0].value == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(
    ("of", "value"), [("mean", (3000 * 10 + 40 * 20) / 3040), ("min", 10), ("max", 20)]
)
def test_what_is_looked_at_over_a_time_is_read_from_rollup_and_tail(
    cellar: int, provisioned: Database, of: str, value: float
) -> None:
    # 50 hours by the minute in the rollups, and what came since in the readings alone.
    provisioned.sql(
        "insert into readings (time, sensor_id, value) select now() - n * interval '1 minute',"
        f" {cellar}, 10 from generate_series(50, 3049) n"
    )
    with db.session() as session:
        keeping.refresh(session, "readings", DECLARED.hypertables["readings"])
    provisioned.sql(
        "insert into readings (time, sensor_id, value) select now() - n * interval '1 minute',"
        f" {cellar}, 20 from generate_series(1, 40) n"
    )
    look(declare(f"table: readings, of: {of}, over: 7 days, within: 7 days, above: 0, clear: -1"))
    assert history()[0].value == pytest.approx(value)


def test_a_series_that_stops_is_an_alert_until_it_goes_on(cellar: int, sensors: list[int]) -> None:
    rule = declare("table: readings, no_data: 10 minutes, within: 1 hour")
    # One goes on, one has stopped, and one was silent long before.
    read(cellar, (1, 5))
    read(sensors[1], (1, 15))
    read(sensors[2], (1, 70))
    assert states(rule) == {sensors[1]: "firing"}
    assert 890 < history()[0].value < 920
    read(sensors[1], (1, 0))
    assert states(rule) == {}
    assert [each.state for each in history()] == ["resolved"]


def test_readings_of_the_future_are_not_seen(cellar: int) -> None:
    read(cellar, (20, 2), (99, -5))
    assert states(declare(HOT)) == {}


# Which series


def test_rules_choose_series_by_key_and_by_what_the_key_refers_to(
    cellar: int, sensors: list[int]
) -> None:
    for sensor in sensors:
        read(sensor, (50, 1))
    chosen = {
        f"keys: {{sensor_id: [{sensors[1]}, {sensors[2]}]}}": set(sensors[1:]),
        "where: {location: cellar}": {sensors[0], sensors[2]},
        "where: {location: cellar, type: [temperature, wind]}": {sensors[0]},
        "where: {location: nowhere}": set(),
        "severity: info": set(sensors),
    }
    for number, (lines, expected) in enumerate(chosen.items()):
        assert set(states(declare(HOT, lines, name=f"rule-{number}"))) == expected, lines
    labels = {each.label for each in history()}
    assert "temperature, cellar, north wall (°C)" in labels


def test_a_series_is_known_without_a_table_that_its_key_refers_to(
    provisioned: Database, cellar: int
) -> None:
    provisioned.sql(
        "truncate test_runs, test_runs_1h, test_runs_1d;"
        "insert into test_runs (time, host, suite, file_id, run, run_tag, passed, failed, errors,"
        " skipped, seconds, pass_rate) select now() - n * interval '1 hour', h, 'unit', n, 'r', '',"
        " 1, 1, 0, 0, 1, case h when 'a' then 50 else 100 end"
        " from generate_series(1, 3) n, unnest(array['a', 'b']) h"
    )
    rule = declare("table: test_runs, value: pass_rate, below: 90, clear: 95")
    for refreshed in (False, True):
        if refreshed:
            with db.session() as session:
                keeping.refresh(session, "test_runs", DECLARED.hypertables["test_runs"])
        [alert] = look(rule).alerts
        assert (alert.keys, alert.label) == ({"host": "a", "suite": "unit"}, "a, unit")


@pytest.mark.parametrize(
    "condition",
    [
        "below: 10, clear: 15",
        "below: 10, clear: 15, for: 1 hour",
        "of: mean, over: 1 day, below: 60, clear: 70",
        "of: change, over: 1 hour, below: -50, clear: 0",
        "no_data: 30 minutes",
    ],
)
def test_a_table_without_keys_is_one_series(
    provisioned: Database, cellar: int, condition: str
) -> None:
    provisioned.sql(
        "truncate operations, operations_total_1d;"
        "insert into operations (time, disk_free_percent)"
        " select now() - n * interval '1 hour', case when n < 3 then 5 else 90 end"
        " from generate_series(1, 5) n"
    )
    value = "" if "no_data" in condition else "value: disk_free_percent,"
    rule = declare(f"table: operations, {value} within: 1 day, {condition}")
    found = {each.label: each.keys for each in look(rule).alerts}
    assert found == ({} if "change" in condition else {"operations": {}})


def test_rules_of_one_shape_are_one_statement_each_with_its_own_thresholds(cellar: int) -> None:
    read(cellar, (50, 1))
    given = rules.parse(
        "rules:\n"
        + "\n".join(
            f"  over-{n}: {{table: readings, above: {n}, clear: {n - 1}}}" for n in range(45, 55)
        ),
        DECLARED,
    )
    assert {each.rule for each in look(given).alerts} == {f"over-{n}" for n in range(45, 50)}


# For how long


def test_an_alert_is_pending_until_its_condition_has_held_without_a_break(cellar: int) -> None:
    rule = declare(HOT, "for: 10 minutes")
    read(cellar, (20, 30), (31, 12), (20, 8), (32, 6), (33, 1))
    # Since six minutes.
    assert states(rule) == {cellar: "pending"}
    [pending] = history()
    assert pending.fired_at is None
    assert told() == []
    assert look(rule).alerts[0].since == pending.since
    with db.session() as session:
        session.execute(delete(Reading).where(Reading.value == 20))
    assert states(rule) == {cellar: "firing"}
    assert len(history()) == 1
    assert len(told()) == 1


def test_what_is_pending_and_over_leaves_no_trace(cellar: int) -> None:
    rule = declare(HOT, "for: 10 minutes")
    read(cellar, (31, 5))
    assert states(rule) == {cellar: "pending"}
    read(cellar, (29, 1))
    assert states(rule) == {}
    assert history() == []
    assert told() == []


def test_readings_that_come_late_and_together_count_as_if_they_had_come_in_time(
    cellar: int,
) -> None:
    rule = declare(HOT, "for: 10 minutes, within: 6 hours")
    read(cellar, *[(35, ago) for ago in range(180, 240)])
    assert states(rule) == {cellar: "firing"}
    # Older than what was seen, and fine: that is over.
    read(cellar, (20, 300))
    assert states(rule) == {cellar: "firing"}
    # A gap that is filled: it had not held.
    rule = declare(HOT, "for: 20 minutes", name="other")
    read(cellar, (35, 30), (35, 1))
    assert states(rule) == {cellar: "firing"}
    rule = declare(HOT, "for: 20 minutes", name="third")
    read(cellar, (20, 10))
    assert states(rule) == {cellar: "pending"}


def test_without_newer_readings_a_state_stays_however_often_one_looks(
    cellar: int, provisioned: Database
) -> None:
    rule = declare(HOT, "for: 10 minutes, within: 1 hour")
    read(cellar, (35, 59), (35, 51))
    for _ in range(3):
        assert states(rule) == {cellar: "pending"}
    read(cellar, (35, 40))
    assert states(rule) == {cellar: "firing"}
    # Its sensor is dead: everything is older than the rule looks.
    provisioned.sql("delete from readings")
    assert states(rule) == {cellar: "firing"}
    assert [each.state for each in history()] == ["firing"]


def test_an_alert_ends_when_the_value_is_back_at_the_other_threshold_for_as_long(
    cellar: int,
) -> None:
    rule = declare(HOT, "clear_for: 10 minutes")
    read(cellar, (35, 40))
    assert states(rule) == {cellar: "firing"}
    # Between the two thresholds.
    read(cellar, (27, 30))
    assert states(rule) == {cellar: "firing"}
    read(cellar, (24, 20), (24, 15))
    assert states(rule) == {cellar: "firing"}
    read(cellar, (24, 10))
    assert states(rule) == {}
    [over] = history()
    assert (over.state, over.reason) == ("resolved", "the condition is over")
    assert over.resolved_at is not None


def test_a_value_that_trembles_around_its_threshold_is_one_alert(cellar: int) -> None:
    rule = declare(HOT)
    for ago in range(40, 0, -1):
        read(cellar, (30 + (1 if ago % 2 else -1), ago))
        look(rule)
    assert [each.state for each in history()] == ["firing"]
    assert len(told()) == 1


def test_what_is_looked_at_over_a_time_has_held_since_it_was_first_seen(
    cellar: int, provisioned: Database
) -> None:
    rule = declare("table: readings, of: mean, over: 10 minutes, above: 30, for: 5 minutes")
    read(cellar, (35, 1))
    assert states(rule) == {cellar: "pending"}
    provisioned.sql("update alerts set since = since - interval '5 minutes'")
    assert states(rule) == {cellar: "firing"}


# Rules that change


def test_a_rule_that_is_removed_or_changed_resolves_what_it_found(
    cellar: int, sensors: list[int]
) -> None:
    read(cellar, (35, 1))
    read(sensors[1], (45, 1))
    assert len(states(declare(HOT))) == 2
    # The same condition in other words is the same rule.
    assert not look(declare(HOT, "severity: critical, message: Run")).resolved
    assert {each.severity for each in history()} == {"critical"}
    changed = look(declare("table: readings, above: 40, clear: 25"))
    assert {each.reason for each in changed.resolved} == {"the rule was changed"}
    assert [each.keys for each in changed.alerts] == [{"sensor_id": sensors[1]}]
    # Of what still fires nobody is told once more.
    assert [each["subject"] for each in told()] == [
        "warning: hot: 2 firing",
        "critical: hot: 1 resolved",
    ]
    gone = look(rules.Rules())
    assert [each.reason for each in gone.resolved] == ["the rule was removed"]
    assert gone.alerts == []
    assert told()[-1]["subject"] == "warning: hot: 1 resolved"


def test_a_series_that_a_rule_is_no_longer_about_is_resolved(cellar: int) -> None:
    rule = declare(HOT, "where: {location: cellar}")
    read(cellar, (35, 1))
    assert states(rule) == {cellar: "firing"}
    with db.session() as session:
        session.execute(update(Sensor).where(Sensor.id == cellar).values(location="garden"))
    found = look(rule)
    with db.session() as session:
        session.execute(update(Sensor).where(Sensor.id == cellar).values(location="cellar"))
    assert [each.reason for each in found.resolved] == ["the rule is no longer about it"]


# Who is told


def test_people_are_told_by_one_message_for_each_rule_and_look(
    cellar: int, sensors: list[int]
) -> None:
    rule = declare(HOT, "message: Open the windows")
    for sensor in sensors:
        read(sensor, (31.5, 2))
    look(rule)
    [message] = told()
    assert message["event"] == "alert"
    assert message["subject"] == "warning: hot: 3 firing"
    assert message["path"] == "/dash/alerts?rule=hot"
    first, second, *rest = message["text"].splitlines()
    assert (first, second) == ("Open the windows", "above 30, until 25")
    assert any(line.startswith("temperature, attic, floor (°C): 31.5, since ") for line in rest)
    look(rule)
    assert len(told()) == 1
    read(cellar, (20, 0))
    read(sensors[1], (20, 0))
    look(rule)
    assert told()[-1]["subject"] == "warning: hot: 2 resolved"
    assert len(told()) == 2


def test_alerts_and_messages_are_there_together_or_not_at_all(cellar: int) -> None:
    read(cellar, (35, 1))
    with db.session() as session:
        assert evaluate(session, declare(HOT), DECLARED).fired
        session.rollback()
    assert (history(), told()) == ([], [])
    look(declare(HOT))
    assert (len(history()), len(told())) == (1, 1)


def test_two_evaluations_at_once_have_one_effect(cellar: int, sensors: list[int]) -> None:
    for sensor in sensors:
        read(sensor, (35, 1))
    start, rule = Barrier(4), declare(HOT)

    def run(_: int) -> int:
        with db.session() as session:
            start.wait(30)
            return len(evaluate(session, rule, DECLARED).fired)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [0, 0, 0, 3]
    assert (len(history()), len(told())) == (3, 1)


# Silence


def test_of_what_is_silenced_nobody_is_told_until_the_time_is_over(
    cellar: int, sensors: list[int], provisioned: Database
) -> None:
    rule = declare(HOT)
    until = datetime.now(UTC) + timedelta(hours=1)
    with db.session() as session:
        silences.silence(session, rule, "hot", until, by="ann@example.org")
    read(cellar, (35, 1))
    assert states(rule) == {cellar: "firing"}
    assert told() == []
    # What it is about then is told.
    provisioned.sql("update alert_silences set until = now()")
    look(rule)
    assert [each["subject"] for each in told()] == ["warning: hot: 1 firing"]
    with db.session() as session:
        assert silences.silences(session) == []


def test_one_series_is_silenced_and_others_are_told_of(cellar: int, sensors: list[int]) -> None:
    rule = declare(HOT)
    until = datetime.now(UTC) + timedelta(hours=1)
    read(cellar, (35, 1))
    look(rule)
    with db.session() as session:
        silences.silence(session, rule, "hot", until, keys={"sensor_id": cellar})
    read(sensors[1], (35, 0))
    read(cellar, (20, 0))
    look(rule)
    assert told()[-1]["subject"] == "warning: hot: 1 firing"
    assert "attic" in told()[-1]["text"]
    with db.session() as session:
        silences.lift(session, "hot", {"sensor_id": cellar})
        with pytest.raises(silences.NotSilentError):
            silences.lift(session, "hot")


def test_a_silence_is_of_a_rule_that_there_is_and_of_a_time_to_come(cellar: int) -> None:
    rule, now = declare(HOT), datetime.now(UTC)
    with db.session() as session:
        with pytest.raises(silences.UnknownRuleError, match="there is no rule 'cold'"):
            silences.silence(session, rule, "cold", now + timedelta(hours=1))
        for until in (now - timedelta(seconds=1), now + timedelta(days=400)):
            with pytest.raises(silences.SilenceError, match="until must be"):
                silences.silence(session, rule, "hot", until)
        with pytest.raises(silences.SilenceError, match="keys must be those of an alert"):
            silences.silence(session, rule, "hot", now + timedelta(hours=1), keys={"x": 1})


# In a chart


def test_what_fired_of_a_series_is_found_by_the_times_of_its_readings(
    cellar: int, sensors: list[int]
) -> None:
    rule, now = declare(HOT), datetime.now(UTC)
    for reading in ((35, 60), (20, 40), (36, 10)):
        read(cellar, reading)
        look(rule)

    def found(first: int, last: int, sensor: int = cellar) -> list[float | None]:
        start, end = now - timedelta(minutes=first), now - timedelta(minutes=last)
        with db.session() as session:
            alerts = shown.of_series(session, "readings", {"sensor_id": sensor}, start, end)
            return [alert.value for alert in alerts]

    assert found(90, 0) == [36, 20]
    assert found(90, 30) == [20]
    # Between the two, by the readings; by the clock of the looks it was not over yet.
    assert found(30, 20) == []
    assert found(5, 0) == [36]
    assert found(90, 0, sensors[1]) == []
