"""Jobs over HTTP, through the gate: what each role may ask for, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.db.conftest import Database, fail
from tests.unit.web.conftest import person, signed_in
from timestack import db, queue
from timestack.domains import jobs, users
from timestack.domains.jobs import control, requests, schedules

pytestmark = pytest.mark.database

JOBS = "/api/v1/jobs"
KIND = "rollups.refresh"
PROBE = "jobs.probe"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def sign_in(app: Flask, environment: dict[str, str]) -> Callable[[str], FlaskClient]:
    """Gives the client of a user of a role; the last one given is who asks."""
    return lambda role: signed_in(app, person(role))


@pytest.fixture
def client(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """The administrator's."""
    return sign_in("admin")


def listed(client: FlaskClient, query: str = "") -> list[str]:
    return [job["id"] for job in client.get(f"{JOBS}{query}").get_json()["jobs"]]


def failed(**params) -> str:
    """A job that failed for good."""
    return str(fail(jobs.submit(PROBE, params).id))


# A job is accepted


def test_a_job_is_accepted_and_found_where_the_answer_says(client: FlaskClient) -> None:
    answer = client.post(JOBS, json={"kind": KIND}, headers={"X-Request-Id": "abcdefgh"})
    assert answer.status_code == 202
    shown = client.get(answer.headers["Location"]).get_json()
    assert shown == answer.get_json()
    assert (shown["state"], shown["progress"], shown["result"]) == ("queued", 0, None)
    assert shown["created_at"].endswith("Z")
    assert (shown["submitted_by"], shown["request_id"]) == ("admin@example.org", "abcdefgh")


def test_a_job_takes_its_parameters_time_and_order(client: FlaskClient) -> None:
    first = client.post(JOBS, json={"kind": PROBE, "params": {"seconds": 2}}).get_json()
    assert first["params"] == {"seconds": 2.0}
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    body = {
        "kind": PROBE, "run_at": later.isoformat(), "priority": 0, "waits_for": first["id"],
    }  # fmt: skip
    second = client.post(JOBS, json=body).get_json()
    assert datetime.fromisoformat(second["run_at"]) == later
    assert (second["priority"], second["waits_for"]) == (0, first["id"])
    assert queue.messages(queue.SHORT) == 1, "the second one is not due"


def test_a_request_that_is_repeated_under_its_id_or_key_is_one_job(client: FlaskClient) -> None:
    by_id = {"json": {"kind": KIND, "id": str(uuid4())}}
    by_key = {"json": {"kind": KIND}, "headers": {"Idempotency-Key": "nightly 2026-01-31"}}
    for request in (by_id, by_key):
        first, second = (client.post(JOBS, **request) for _ in range(2))
        assert first.status_code == second.status_code == 202
        assert first.get_json() == second.get_json()
    assert len(listed(client)) == 2
    other = client.post(JOBS, json={"kind": PROBE}, headers=by_key["headers"])
    assert other.status_code == 409
    assert "idempotency key" in other.get_json()["detail"]


def test_the_key_of_another_user_is_another_key(app: Flask, environment: dict[str, str]) -> None:
    asked = {"json": {"kind": KIND}, "headers": {"Idempotency-Key": "1"}}
    ids = [
        signed_in(app, person("admin", email=email)).post(JOBS, **asked).get_json()["id"]
        for email in ("ann@example.org", "bob@example.org")
    ]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("body", "type", "status", "detail"),
    [
        (b'{"kind": "no.such"}', "application/json", 422, KIND),
        (b'{"kind": 5}', "application/json", 422, "kind: "),
        (b"{}", "application/json", 422, "kind"),
        (b"[]", "application/json", 422, "object"),
        (b'{"kind": "rollups.refresh", "x": 1}', "application/json", 422, "x: "),
        (b'{"kind": "rollups.refresh", "id": "1"}', "application/json", 422, "id: "),
        (b'{"kind": "rollups.refresh", "priority": 10}', "application/json", 422, "priority: "),
        (b'{"kind": "rollups.refresh", "run_at": "soon"}', "application/json", 422, "run_at: "),
        (b'{"kind": "rollups.refresh", "run_at": "2030-01-01T00:00"}', "application/json", 422,
         "run_at: "),
        (b'{"kind": "rollups.refresh", "waits_for": "1"}', "application/json", 422, "waits_for: "),
        (b'{"kind": "rollups.refresh", "params": []}', "application/json", 422, "params: "),
        (b'{"kind": "rollups.refresh", "params": {"days": 1}}', "application/json", 422, "days: "),
        (b'{"kind": "jobs.probe", "params": {"seconds": "long"}}', "application/json", 422,
         "seconds: "),
        (b'{"kind": "jobs.probe", "params": {"seconds": NaN}}', "application/json", 400, "NaN"),
        (b'{"kind": "jobs.probe", "params": {"mark": "\\u0000"}}', "application/json", 422,
         "mark: "),
        (b"{", "application/json", 400, None),
        (b'{"kind": "\xff"}', "application/json", 400, None),
        (b"kind=rollups.refresh", "application/x-www-form-urlencoded", 415, None),
    ],
)  # fmt: skip
def test_a_bad_request_is_a_problem_and_queues_nothing(
    client: FlaskClient, body: bytes, type: str, status: int, detail: str | None
) -> None:
    answer = client.post(JOBS, data=body, content_type=type)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["request_id"]
    if detail:
        assert detail in answer.get_json()["detail"]
    assert listed(client) == []
    assert queue.messages(queue.SHORT) == 0


def test_what_is_too_large_is_refused_and_queues_nothing(client: FlaskClient) -> None:
    for mark in ("x" * requests.LARGEST_PARAMS, "x" * (3 * 1024 * 1024)):
        answer = client.post(JOBS, json={"kind": PROBE, "params": {"mark": mark}})
        assert answer.status_code == 413
        assert answer.mimetype == "application/problem+json"
    assert listed(client) == []


def test_what_cannot_be_waited_for_is_a_conflict(client: FlaskClient) -> None:
    answer = client.post(JOBS, json={"kind": PROBE, "waits_for": NOBODY})
    assert answer.status_code == 409
    assert f"no job {NOBODY}" in answer.get_json()["detail"]
    assert listed(client) == []


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_that_is_none_is_refused(client: FlaskClient, key: str) -> None:
    answer = client.post(JOBS, json={"kind": KIND}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.get_json()["detail"]
    assert listed(client) == []


# Jobs are found


def test_the_latest_fifty_are_listed_newest_first_and_then_the_next(client: FlaskClient) -> None:
    ids = [str(jobs.submit(PROBE).id) for _ in range(52)][::-1]
    assert listed(client) == ids[:50]
    assert listed(client, f"?before={ids[49]}") == ids[50:]
    assert listed(client, f"?before={ids[51]}") == []


def test_jobs_of_a_kind_and_of_states_are_listed(client: FlaskClient) -> None:
    refresh, probe, bad = str(jobs.submit(KIND).id), str(jobs.submit(PROBE).id), failed()
    assert listed(client, f"?kind={PROBE}") == [bad, probe]
    assert listed(client, "?state=failed") == [bad]
    assert listed(client, "?state=finished") == [bad]
    assert listed(client, "?state=unfinished") == [probe, refresh]
    assert listed(client, f"?kind={KIND}&state=failed") == []
    assert listed(client, "?kind=of.former.days") == []
    assert client.get(f"{JOBS}/counts").get_json() == {
        "queued": 2, "running": 0, "succeeded": 0, "failed": 1, "cancelled": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("state=lost", 422, "state: Input should be 'queued'"),
        ("before=1", 422, "before: "),
        (f"before={NOBODY}", 404, f"no job {NOBODY}"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    client: FlaskClient, query: str, status: int, detail: str | None
) -> None:
    answer = client.get(f"{JOBS}?{query}")
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert (detail or "") in answer.get_json()["detail"]


@pytest.mark.parametrize("id", [NOBODY, "1", "1' or '1'='1", "%00", "x" * 500])
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")])
def test_a_job_that_does_not_exist_is_not_found(
    client: FlaskClient, method: str, end: str, id: str
) -> None:
    answer = client.open(f"{JOBS}/{id}{end}", method=method)
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


# Jobs are cancelled and retried, kinds paused


def test_a_job_is_cancelled_and_retried(client: FlaskClient) -> None:
    id = client.post(JOBS, json={"kind": PROBE}).get_json()["id"]
    assert client.post(f"{JOBS}/{id}/cancel").get_json()["state"] == "cancelled"
    assert client.post(f"{JOBS}/{id}/cancel").status_code == 200, "twice is harmless"
    assert client.post(f"{JOBS}/{id}/retry").get_json()["state"] == "queued"
    again = client.post(f"{JOBS}/{id}/retry")
    assert again.status_code == 409
    assert "is queued" in again.get_json()["detail"]


def test_a_job_that_failed_shows_why_and_cannot_be_cancelled(client: FlaskClient) -> None:
    id = failed()
    shown = client.get(f"{JOBS}/{id}").get_json()
    assert shown["message"] == shown["errors"][0]["error"] == "it broke"
    answer = client.post(f"{JOBS}/{id}/cancel")
    assert answer.status_code == 409
    assert "has failed" in answer.get_json()["detail"]


def test_a_kind_is_paused_and_resumed(client: FlaskClient) -> None:
    def probe() -> dict:
        found = client.get(f"{JOBS}/kinds").get_json()["kinds"]
        return next(each for each in found if each["kind"] == PROBE)

    assert "seconds" in probe()["params"]["properties"]
    assert not probe()["paused"]
    assert client.post(f"{JOBS}/kinds/{PROBE}/pause").status_code == 204
    assert (probe()["paused"], probe()["paused_by"]) == (True, "admin@example.org")
    assert probe()["paused_at"].endswith("Z")
    assert client.post(f"{JOBS}/kinds/{PROBE}/resume").status_code == 204
    assert not probe()["paused"]
    for verb in ("pause", "resume"):
        answer = client.post(f"{JOBS}/kinds/no.such/{verb}")
        assert answer.status_code == 404
        assert KIND in answer.get_json()["detail"]


def test_the_schedules_are_listed_with_their_last_and_next_time(
    client: FlaskClient, provisioned: Database
) -> None:
    every = [schedules.Schedule("probe", PROBE, "0 4 * * *", "Europe/Berlin")]
    with db.session() as session:
        schedules.settle(session, every)
    provisioned.sql("update schedules set due_at = due_at - interval '2 days'")
    with db.session() as session:
        schedules.start_due(session, every)
    [shown] = client.get(f"{JOBS}/schedules").get_json()["schedules"]
    assert (shown["cron"], shown["zone"]) == ("0 4 * * *", "Europe/Berlin")
    assert shown["last_at"] < shown["due_at"]
    assert shown["last_job"] == listed(client)[0]


# Who may

MAY = {
    ("GET", ""): "editor",
    ("GET", "/{id}"): "editor",
    ("GET", "/counts"): "viewer",
    ("GET", "/kinds"): "viewer",
    ("GET", "/schedules"): "viewer",
    ("POST", "/{id}/cancel"): "editor",
    ("POST", "/{id}/retry"): "editor",
    ("POST", ""): "admin",
    ("POST", f"/kinds/{PROBE}/pause"): "admin",
    ("POST", f"/kinds/{PROBE}/resume"): "admin",
}


@pytest.mark.parametrize("role", users.ROLES)
def test_each_role_may_what_it_may_and_no_more(
    sign_in: Callable[[str], FlaskClient], role: str
) -> None:
    client, id = sign_in(role), failed()
    for (method, path), needed in MAY.items():
        body = json.dumps({"kind": PROBE}) if path == "" and method == "POST" else None
        address = f"{JOBS}{path.format(id=id)}"
        answer = client.open(address, method=method, data=body, content_type="application/json")
        refused = users.ROLES.index(role) < users.ROLES.index(needed)
        assert (answer.status_code == 403) == refused, (method, path, answer.status_code)
    with db.session() as session:
        assert control.paused(session) == []
