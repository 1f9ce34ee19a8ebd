"""What the exporter tells of a real database, and what it makes of Alertmanager's news."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import event

from tests.integration.db.conftest import Database
from tests.stack import wait_until
from timestack import db
from timestack.domains import jobs
from timestack.exporter import stack
from timestack.exporter.readers import READERS
from timestack.exporter.server import create_app
from timestack.exporter.stack import Stack

pytestmark = pytest.mark.database

SECRET = "s" * 40
PROOF = {"Authorization": f"Bearer {SECRET}"}
NAMES = {reader.__name__ for reader in READERS}


@pytest.fixture
def asked(environment: dict[str, str], provisioned: Database) -> Iterator[Stack]:
    assert provisioned.server.healthy()
    provisioned.sql("truncate jobs, imports, idempotency_keys cascade")
    yield Stack(READERS)
    provisioned.sql("truncate jobs, imports, idempotency_keys cascade")


@pytest.fixture
def client(asked: Stack, provisioned: Database) -> FlaskClient:
    settings = provisioned.settings("app", alarms_secret=SecretStr(SECRET))
    return create_app(settings).test_client()


def figures(asked: Stack) -> dict[tuple, float]:
    """Name and values of labels -> value."""
    return {
        (sample.name.removeprefix("timestack_"), *sample.labels.values()): sample.value
        for metric in asked.collect()
        for sample in metric.samples
    }


def missing(found: dict[tuple, float]) -> set[str]:
    return {key[1] for key, value in found.items() if key[0] == "reader_failed" and value}


def figures_but(asked: Stack, absent: set[str]) -> dict[tuple, float]:
    """Those that lack these readers' alone: on a busy machine others' may be slow once or twice."""

    def found() -> dict[tuple, float] | None:
        told = figures(asked)
        return told if missing(told) == absent else None

    return wait_until(found, f"all is told but {absent}")


def test_what_is_so_is_told(asked: Stack, provisioned: Database) -> None:
    jobs.submit("jobs.probe", {"mark": "a"})
    jobs.submit("usage.ingest")
    provisioned.sql(
        "update jobs set run_at = now() - interval '100 s' where kind = 'usage.ingest';"
        "insert into imports (id, table_name, source, rows) values"
        " ('a', 'readings', 'x', 10), ('b', 'readings', 'x', 5), ('c', 'dataset_7', 'x', 3)"
    )
    found = figures_but(asked, set())
    assert found["jobs", "jobs.probe", "queued"] == 1
    assert found["queue_due", "long"] == 1
    assert 100 <= found["queue_oldest_seconds", "long"] < 200
    assert found["queue_oldest_seconds", "forecast"] == 0
    assert found["load_rows_total", "readings"] == 15
    assert found["loads_total", "dataset"] == 1
    assert 0 < found["database_volume_free_bytes",] < found["database_volume_bytes",]
    ends = [value for key, value in found.items() if key[0].startswith("certificate_end")]
    assert ends
    assert min(ends) > time.time()


def test_names_that_are_made_up_make_no_series(asked: Stack, provisioned: Database) -> None:
    jobs.submit("jobs.probe", {"mark": "a"})
    provisioned.sql(
        "insert into jobs (id, kind) values (gen_random_uuid(), 'unknown.kind');"
        "insert into imports (id, table_name, source, rows) values ('a', 'dataset_0', 'x', 3)"
    )
    before = figures(asked)
    provisioned.sql(
        "insert into jobs (id, kind) select gen_random_uuid(), 'kind.' || n"
        " from generate_series(1, 500) n;"
        "insert into imports (id, table_name, source, rows)"
        " select n, 'dataset_' || n, 'x', 1 from generate_series(1, 500) n"
    )
    after = figures(Stack(READERS))
    assert after.keys() == before.keys()
    assert after["jobs", "other", "queued"] == 501
    assert after["load_rows_total", "dataset"] == 503


def test_who_asks_more_often_asks_the_database_no_more_often(
    asked: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    with db.session() as session:
        engine = session.get_bind()
    note = lambda *given: statements.append(given[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", note)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: figures(asked), range(40)))
        once = len(statements)
        monkeypatch.setattr(stack, "KEPT", 0.0)
        figures(Stack(READERS))
        assert len(statements) == 2 * once
    finally:
        event.remove(engine, "before_cursor_execute", note)
    # Half of them are limits of time and savepoints.
    assert 0 < once < 150


def test_what_is_slow_is_missing_and_said_so_and_the_rest_is_there(
    asked: Stack, provisioned: Database
) -> None:
    with provisioned.engine("owner").begin() as other:
        other.exec_driver_sql("lock table imports in access exclusive mode")
        found = figures_but(asked, {"loads"})
        other.rollback()
    assert ("queue_due", "short") in found


def test_a_database_that_is_away_is_no_error_of_the_answer(
    client: FlaskClient, provisioned: Database
) -> None:
    db.init(provisioned.settings("app", database_port=1))
    answer = client.get("/metrics")
    assert answer.status_code == 200
    for name in NAMES:
        assert f'timestack_reader_failed{{reader="{name}"}} 1.0' in answer.text
    assert client.post("/alarms", json=delivery(alarm()), headers=PROOF).status_code == 503


def alarm(name: str = "RedisDown", state: str = "firing", since: int = 0, **labels: str) -> dict:
    began = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=since)
    return {
        "status": state,
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"description": f"{name} it is.", "runbook": f"docs/operations.md#{name}"},
        "startsAt": began.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://localhost/prometheus/graph?x",
        "fingerprint": f"{abs(hash((name, *labels.items()))):016x}",
    }


def delivery(*alarms: dict) -> dict:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "notifications",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "https://localhost/alertmanager",
        "alerts": list(alarms),
    }


def told(client: FlaskClient, *alarms: dict) -> int:
    answer = client.post("/alarms", json=delivery(*alarms), headers=PROOF)
    assert answer.status_code == 200, answer.text
    return answer.json["told"]


def notes(provisioned: Database) -> list[dict]:
    rows = provisioned.sql("select params from jobs where kind = 'notify.send' order by created_at")
    return [json.loads(line) for line in rows.splitlines()]


def test_an_alarm_is_told_once_as_it_begins_and_once_as_it_ends(
    client: FlaskClient, provisioned: Database
) -> None:
    assert told(client, alarm()) == 1
    assert told(client, alarm()) == 0
    assert told(client, alarm(state="resolved")) == 1
    assert told(client, alarm(state="resolved")) == 0
    # It came back.
    assert told(client, alarm(since=60)) == 1
    first, over, again = notes(provisioned)
    assert first["event"] == "alarm"
    assert first["subject"] == "alarm: RedisDown"
    assert "RedisDown it is.\ndocs/operations.md#RedisDown" in first["text"]
    assert over["subject"] == "over: RedisDown"
    assert again["subject"] == first["subject"]


def test_alarms_of_a_delivery_are_one_notification_of_those_that_are_new(
    client: FlaskClient, provisioned: Database
) -> None:
    one, two = alarm("TargetDown", instance="a"), alarm("TargetDown", instance="b")
    assert told(client, one) == 1
    ended = alarm("Latency", "resolved")
    assert told(client, one, two, ended) == 2
    _, second = notes(provisioned)
    assert second["subject"] == "alarm: TargetDown; over: Latency"
    assert "instance b" in second["text"]
    assert "instance a" not in second["text"]


def test_a_delivery_that_comes_twice_at_once_is_told_once(
    client: FlaskClient, provisioned: Database
) -> None:
    app = client.application
    news = [alarm(uuid4().hex) for _ in range(3)]
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: told(app.test_client(), *news), range(16)))
    assert sum(counts) == 3
    assert len(notes(provisioned)) == 1


@pytest.mark.parametrize("proof", [{}, {"Authorization": "Bearer x"}, {"Authorization": SECRET}])
def test_who_is_not_alertmanager_tells_nothing(
    client: FlaskClient, provisioned: Database, proof: dict[str, str]
) -> None:
    assert client.post("/alarms", json=delivery(alarm()), headers=proof).status_code == 401
    assert notes(provisioned) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"version": "4"}', b'{"version": "3", "alerts": []}']
)
def test_what_is_not_alertmanager_s_is_refused(client: FlaskClient, body: bytes) -> None:
    assert client.post("/alarms", data=body, headers=PROOF).status_code == 400
