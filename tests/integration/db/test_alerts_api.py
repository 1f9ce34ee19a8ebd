"""Alerts over HTTP: what is open, the rules, what was, and silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.db.conftest import Database

pytestmark = pytest.mark.database

ALERTS = "/api/v1/alerts"
# Of `heat` and `storm`, which the file declares: ten that were, one that fires, one pending.
FILL = """
truncate alerts, alert_silences restart identity;
insert into alerts (rule, digest, source, value_column, keys, label, severity, state, value, high,
                    since, seen_at, fired_at, resolved_at, reason)
select 'heat', 'd', 'readings', 'value', '{"sensor_id": 1}', 'cellar', 'warning', 'resolved', 90,
       100, t, t, t, t + interval '5 minutes', 'the condition is over'
  from generate_series(timestamptz '2026-03-01T00:00Z', '2026-03-01T09:00Z', '1 hour') t;
insert into alerts (rule, digest, source, value_column, keys, label, severity, state, value, high,
                    since, seen_at, fired_at)
values ('heat', 'd', 'readings', 'value', '{"sensor_id": 1}', 'cellar', 'warning', 'firing', 101,
        100, '2026-03-02T12:00Z', '2026-03-02T12:30Z', '2026-03-02T12:30Z'),
       ('storm', 'e', 'readings', 'value', '{"sensor_id": 2}', 'mast', 'info', 'pending', -7,
        null, '2026-03-02T12:00Z', '2026-03-02T12:30Z', null);
"""


@pytest.fixture(autouse=True)
def alerts(provisioned: Database) -> None:
    provisioned.sql(FILL)


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in("editor")


def items(client: FlaskClient, path: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{ALERTS}{path}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()["items"]


def until(**span: float) -> dict[str, str]:
    return {"until": (datetime.now(UTC) + timedelta(**span)).isoformat()}


def test_open_alerts_are_listed_by_state_and_rule(client: FlaskClient) -> None:
    assert [each["id"] for each in items(client)] == [11, 12]
    assert [each["rule"] for each in items(client, "?state=firing")] == ["heat"]
    assert [each["state"] for each in items(client, "?rule=storm")] == ["pending"]
    assert items(client, "?rule=none") == []
    assert items(client)[0] == {
        "id": 11,
        "rule": "heat",
        "severity": "warning",
        "state": "firing",
        "table": "readings",
        "column": "value",
        "keys": {"sensor_id": 1},
        "series": "cellar",
        "value": 101.0,
        "low": None,
        "high": 100.0,
        "since": "2026-03-02T12:00:00Z",
        "seen_at": "2026-03-02T12:30:00Z",
        "fired_at": "2026-03-02T12:30:00Z",
        "resolved_at": None,
        "reason": "",
    }
    answer = client.get(f"{ALERTS}?state=resolved")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["parameter"] == "state"


def test_history_is_walked_by_cursor_from_the_newest_and_has_each_alert_once(
    client: FlaskClient,
) -> None:
    seen, path = [], "/history?limit=4"
    while path:
        page = client.get(f"{ALERTS}{path}").get_json()
        seen += [each["id"] for each in page["items"]]
        path = page["next"] and f"/history?limit=4&cursor={page['next']}"
    assert seen == [11, *range(10, 0, -1)]
    assert client.get(f"{ALERTS}/history?cursor=x").status_code == 422


def test_rules_are_listed_as_they_are_declared_with_how_they_are(client: FlaskClient) -> None:
    heat, storm, disk = items(client, "/rules")
    assert (heat["name"], heat["firing"], heat["pending"]) == ("heat", 1, 0)
    assert heat["condition"] == "above 100 for 30 minutes, until 95"
    assert heat["last_fired_at"] == "2026-03-02T12:30:00Z"
    assert (storm["name"], storm["pending"], storm["last_fired_at"]) == ("storm", 1, None)
    assert (disk["table"], disk["column"]) == ("operations", "disk_free_percent")


def test_a_rule_that_could_not_be_looked_at_says_why(
    client: FlaskClient, provisioned: Database
) -> None:
    provisioned.sql("insert into alert_faults (rule, reason) values ('storm', 'it took too long')")
    try:
        heat, storm, _ = items(client, "/rules")
    finally:
        provisioned.sql("delete from alert_faults")
    assert (heat["fault"], storm["fault"]) == (None, "it took too long")


@pytest.mark.parametrize("path", ["/rules/heat/silence", "/11/silence"])
def test_a_rule_or_one_series_is_silenced_and_told_of_again(
    client: FlaskClient, provisioned: Database, path: str
) -> None:
    answer = client.post(f"{ALERTS}{path}", json=until(hours=1))
    assert answer.status_code == 200, answer.text
    made = answer.get_json()
    assert made["rule"] == "heat"
    assert made["keys"] == ({} if "rules" in path else {"sensor_id": 1})
    assert made["silenced_by"]
    # Again replaces it.
    assert client.post(f"{ALERTS}{path}", json=until(hours=2)).status_code == 200
    assert provisioned.sql("select count(*) from alert_silences") == "1"
    is_silent = items(client, "/rules")[0]["silenced_until"] is not None
    assert is_silent == ("rules" in path)
    assert client.delete(f"{ALERTS}{path}").status_code == 204
    assert client.delete(f"{ALERTS}{path}").status_code == 404


def test_what_cannot_be_silenced_is_refused_with_what_is_wrong(client: FlaskClient) -> None:
    assert client.post(f"{ALERTS}/rules/none/silence", json=until(hours=1)).status_code == 404
    assert client.post(f"{ALERTS}/{2**70}/silence", json=until(hours=1)).status_code == 404
    assert client.delete(f"{ALERTS}/rules/%00/silence").status_code == 404
    for body in (until(hours=-1), until(days=400), {"until": "2026-01-01T00:00:00"}, {}):
        answer = client.post(f"{ALERTS}/rules/heat/silence", json=body)
        assert answer.status_code == 422, body
        assert answer.get_json()["errors"][0]["pointer"] == "/until"


def test_a_viewer_reads_and_silences_nothing(sign_in: Callable[..., FlaskClient]) -> None:
    viewer = sign_in("viewer")
    assert len(items(viewer)) == 2
    assert viewer.post(f"{ALERTS}/rules/heat/silence", json=until(hours=1)).status_code == 403
    assert viewer.delete(f"{ALERTS}/rules/heat/silence").status_code == 403
