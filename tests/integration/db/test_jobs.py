"""Background jobs on a real database and broker: no job lost, none done twice, none stuck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from celery import Celery
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Broker, Database
from tests.stack import ROOT, free_port, wait_until
from timestack import api, db, errors, queue
from timestack.domains import jobs
from timestack.models.jobs import Job

pytestmark = pytest.mark.database

KIND = "rollups.refresh"


@pytest.fixture
def environment(
    provisioned: Database, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What a worker or the web is told, set for this process too; no job and no message yet."""
    secrets = provisioned.server.secrets
    told = {
        "TIMESTACK_ENV": "test",
        "SECRETS_DIR": str(secrets),
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(provisioned.server.port),
        "DATABASE_NAME": provisioned.name,
        "DATABASE_ROLE": "timestack_app",
        "DATABASE_CA": str(secrets / "ca.pem"),
        "REDIS_HOST": "localhost",
        "REDIS_PORT": str(broker.port),
        "SCHEMA_FILE": str(SCHEMA_FILE),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    fresh = Celery("test", set_as_current=False)
    fresh.add_defaults(queue._configuration)
    # Read now: a test may change the environment.
    assert fresh.conf.broker_url
    monkeypatch.setattr(queue, "app", fresh)
    engine = db.init(provisioned.settings("app"))
    provisioned.sql("truncate jobs")
    broker.redis.flushall()
    yield {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}"}
    fresh.close()
    engine.dispose()


def state(id: UUID) -> tuple[str, float, str]:
    with db.session() as session:
        job = jobs.get(session, id)
        return job.state, job.progress, job.message


def age(database: Database, id: UUID, minutes: int = 5) -> None:
    database.sql(
        f"update jobs set created_at = created_at - interval '{minutes} minutes' where id = '{id}'"
    )


# The row is the truth


def test_a_job_is_queued_in_the_table_and_in_the_broker(environment) -> None:
    job = jobs.submit(KIND, request_id="abc-123-def")
    assert state(job.id) == ("queued", 0, "")
    assert queue.messages(queue.JOBS) == 1


def test_the_same_id_is_one_job(environment) -> None:
    id = uuid4()
    assert jobs.submit(KIND, id=id).id == jobs.submit(KIND, id=id).id == id
    assert queue.messages(queue.JOBS) == 1


def test_an_unknown_kind_is_refused_with_the_known_ones(environment) -> None:
    with pytest.raises(jobs.UnknownKindError, match=KIND):
        jobs.submit("rm -rf")


def test_a_job_goes_its_way_once(environment) -> None:
    id = jobs.submit(KIND).id
    with db.session() as session:
        assert not jobs.succeed(session, id, {})
        assert jobs.claim(session, id)
        assert jobs.progress(session, id, 0.5, "half")
        assert jobs.succeed(session, id, {"rows": 3})
        assert not jobs.fail(session, id, "too late")
        assert not jobs.claim(session, id)
    assert state(id) == ("succeeded", 1, "")


def test_progress_never_goes_back_and_stays_between_0_and_1(environment) -> None:
    id = jobs.submit(KIND).id
    with db.session() as session:
        jobs.claim(session, id)
        for fraction, expected in ((0.5, 0.5), (0.2, 0.5), (7.0, 1.0)):
            jobs.progress(session, id, fraction, "")
            assert session.scalar(select(Job.progress)) == expected


def test_the_lock_of_a_job_is_held_by_one_connection_and_ends_with_it(
    environment, provisioned
) -> None:
    engine = provisioned.engine("app")
    with Session(engine) as first, Session(engine) as second:
        assert jobs.lock(first, "a job")
        assert not jobs.lock(second, "a job")
        assert jobs.lock(second, "another")
        first.connection().invalidate()
        wait_until(lambda: jobs.lock(second, "a job"), "the lock is free")
    engine.dispose()


# Crashes


def test_a_message_that_was_lost_is_sent_again(environment, provisioned, broker) -> None:
    id = jobs.submit(KIND).id
    broker.redis.flushall()
    assert jobs.sweep()["sent"] == 0, "a young row may be on its way"
    age(provisioned, id)
    assert jobs.sweep()["sent"] == 1
    assert queue.messages(queue.JOBS) == 1
    assert jobs.sweep()["sent"] == 0, "it has its message now"


def test_a_job_is_accepted_while_the_broker_is_away(
    environment, provisioned, broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = queue.app
    away = Celery("away", set_as_current=False)
    monkeypatch.setenv("REDIS_PORT", str(free_port()))
    away.add_defaults(queue._configuration)
    monkeypatch.setattr(queue, "app", away)
    id = jobs.submit(KIND).id
    age(provisioned, id)
    assert jobs.sweep() == {"requeued": 0, "failed": 0, "sent": 0}
    monkeypatch.setattr(queue, "app", here)
    assert jobs.sweep()["sent"] == 1


def test_a_running_job_is_left_alone_while_its_worker_lives(environment, provisioned) -> None:
    id = jobs.submit(KIND).id
    engine = provisioned.engine("app")
    with Session(engine) as worker:
        assert jobs.lock(worker, str(id))
        assert jobs.claim(worker, id)
        worker.commit()
        age(provisioned, id, minutes=60)
        assert jobs.sweep()["requeued"] == 0
        worker.connection().invalidate()
    engine.dispose()
    wait_until(lambda: jobs.sweep()["requeued"], "the sweeper sees that the worker is gone")
    assert state(id)[0] == "queued"


def test_a_job_that_takes_its_workers_down_is_failed_in_the_end(environment, provisioned) -> None:
    id = jobs.submit(KIND).id
    for _ in range(jobs.MAX_ATTEMPTS):
        with db.session() as session:
            assert jobs.claim(session, id)
        swept = jobs.sweep()
    assert swept["failed"] == 1
    final, _, message = state(id)
    assert final == "failed"
    assert f"{jobs.MAX_ATTEMPTS} times" in message


# Workers


@pytest.fixture
def start(environment, tmp_path: Path):
    """Starts worker processes; kills what is left of them at the end."""
    started: list[subprocess.Popen] = []

    def run(command: str = "worker") -> subprocess.Popen:
        with (tmp_path / f"{command}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "timestack.tasks", command],
                env={**environment, "TMPDIR": str(tmp_path)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ended(id: UUID) -> tuple[str, float, str] | None:
    found = state(id)
    return found if found[0] in ("succeeded", "failed") else None


def test_a_worker_runs_what_is_queued_one_refresh_at_a_time(environment, start) -> None:
    ids = [jobs.submit(KIND).id for _ in range(5)]
    start()
    for id in ids:
        assert wait_until(lambda id=id: ended(id), "the job ends")[0] == "succeeded"


def test_the_request_id_reaches_the_workers_log(environment, start, tmp_path: Path) -> None:
    job = jobs.submit(KIND, request_id="from-the-edge-1")
    start()
    wait_until(lambda: ended(job.id), "the job ends")
    log = tmp_path / "worker.log"
    wait_until(lambda: '"request_id": "from-the-edge-1"' in log.read_text(), "it is logged")


def test_a_worker_killed_in_the_middle_of_a_job_loses_nothing(
    environment, start, provisioned
) -> None:
    # The job waits for this lock in the middle of its work.
    blocker = provisioned.engine().connect()
    blocker.exec_driver_sql("lock table timestack.changes in access exclusive mode")
    id = jobs.submit(KIND).id
    worker = start()
    waits = "select count(*) from pg_stat_activity where application_name = 'timestack-worker'"
    wait_until(
        lambda: provisioned.sql(f"{waits} and wait_event_type = 'Lock'") != "0", "the job waits"
    )
    assert state(id)[0] == "running"
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    blocker.close()
    wait_until(lambda: provisioned.sql(waits) == "0", "its connections are gone")
    assert jobs.sweep() == {"requeued": 1, "failed": 0, "sent": 1}
    start()
    assert wait_until(lambda: ended(id), "another worker ends the job")[0] == "succeeded"


def healthy(environment: dict[str, str], tmp_path: Path, name: str) -> bool:
    check = ROOT / "services" / "web" / "timestack" / "tasks" / "heartbeat.py"
    done = subprocess.run(
        [sys.executable, str(check), name],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_process_is_healthy_once_it_works(environment, start, tmp_path: Path, name: str) -> None:
    assert not healthy(environment, tmp_path, name)
    start(name)
    wait_until(lambda: healthy(environment, tmp_path, name), f"{name} is healthy")


# The interface


@pytest.fixture
def client(environment) -> FlaskClient:
    app = Flask(__name__)
    errors.init_app(app)
    app.register_blueprint(api.blueprint)
    return app.test_client()


def test_a_job_is_accepted_and_found_where_the_answer_says(client: FlaskClient) -> None:
    answer = client.post("/api/v1/jobs", json={"kind": KIND}, headers={"X-Request-Id": "abcdefgh"})
    assert answer.status_code == 202
    shown = client.get(answer.headers["Location"]).get_json()
    assert shown == answer.get_json()
    assert (shown["state"], shown["progress"], shown["result"]) == ("queued", 0, None)
    assert shown["created_at"].endswith("Z")
    assert shown["request_id"] == "abcdefgh"


def test_a_request_that_is_repeated_under_its_id_is_one_job(client: FlaskClient) -> None:
    body = {"kind": KIND, "id": str(uuid4())}
    first, second = (client.post("/api/v1/jobs", json=body) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.get_json() == second.get_json()


def test_the_latest_fifty_are_listed_newest_first(client: FlaskClient) -> None:
    ids = [str(jobs.submit(KIND).id) for _ in range(52)]
    listed = [job["id"] for job in client.get("/api/v1/jobs").get_json()["jobs"]]
    assert listed == ids[:1:-1]


@pytest.mark.parametrize(
    ("body", "type", "status", "detail"),
    [
        (b'{"kind": "no.such"}', "application/json", 422, KIND),
        (b"{}", "application/json", 422, "kind"),
        (b"[]", "application/json", 422, "object"),
        (b'{"kind": "rollups.refresh", "x": 1}', "application/json", 422, "x"),
        (b'{"kind": "rollups.refresh", "id": "1"}', "application/json", 422, "id"),
        (b"{", "application/json", 400, None),
        (b"kind=rollups.refresh", "application/x-www-form-urlencoded", 415, None),
    ],
)
def test_a_bad_request_is_a_problem(
    client: FlaskClient, body: bytes, type: str, status: int, detail: str | None
) -> None:
    answer = client.post("/api/v1/jobs", data=body, content_type=type)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["request_id"]
    if detail:
        assert detail in answer.get_json()["detail"]


@pytest.mark.parametrize("id", ["00000000-0000-0000-0000-000000000000", "1", "1' or '1'='1"])
def test_a_job_that_does_not_exist_is_not_found(client: FlaskClient, id: str) -> None:
    answer = client.get(f"/api/v1/jobs/{id}")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
