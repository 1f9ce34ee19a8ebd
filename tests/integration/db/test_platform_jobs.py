"""Jobs of the platform from the command and the API to a real worker, Redis and database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from celery import Celery
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from media_platform.faults import ENDPOINTS
from tests.integration.db.conftest import SCHEMA_FILE, Broker, Database
from tests.stack import ROOT, free_port, wait_until
from tests.unit.platform.running import PASSWORD, Platform, running
from timestack import api, cache, db, errors, queue
from timestack.domains.platform.manifest import Absent
from timestack.domains.prices import source
from timestack.settings import Settings
from timestack.shell.__main__ import main as shell

pytestmark = pytest.mark.database

ACCOUNTS = {"studio-north", "studio-south", "harbor-media"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture(scope="module")
def environment(
    provisioned: Database,
    broker: Broker,
    platform: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """The environment of a worker, set in this process too."""
    folder = tmp_path_factory.mktemp("secrets")
    for name in ("db_app_password", "redis_password"):
        shutil.copy(provisioned.server.secrets / name, folder)
    (folder / "platform_password").write_text(f"{PASSWORD}\n")
    variables = {
        "TIMESTACK_ENV": "test",
        "SECRETS_DIR": str(folder),
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(provisioned.server.port),
        "DATABASE_NAME": provisioned.name,
        "DATABASE_ROLE": "timestack_app",
        "DATABASE_CA": str(provisioned.server.secrets / "ca.pem"),
        "REDIS_HOST": "localhost",
        "REDIS_PORT": str(broker.port),
        "SCHEMA_FILE": str(SCHEMA_FILE),
        "PLATFORM_URL": platform.url,
        "PRICES_URL": f"{platform.url}/prices/{{symbol}}.csv",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        fresh = Celery("test", set_as_current=False)
        fresh.add_defaults(queue._configuration)
        patch.setattr(queue, "app", fresh)
        engine = db.init(provisioned.settings("app"))
        cache.init(Settings.load(needs=["redis_password"]), brief=True)
        yield {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}"}
        fresh.close()
        engine.dispose()


@pytest.fixture(scope="module")
def worker(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen]:
    folder = tmp_path_factory.mktemp("worker")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "timestack.tasks.every", "worker"],
            env={**environment, "TMPDIR": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def client(environment: dict[str, str]) -> FlaskClient:
    app = Flask(__name__)
    app.config["SETTINGS"] = Settings.load()
    errors.init_app(app)
    api.init_app(app, lambda *_: None)
    return app.test_client()


def submit(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make ingest` runs in the worker's container."""
    return subprocess.run(
        [sys.executable, "-m", "timestack.shell", "jobs", "submit", *arguments, "--wait"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def row_hash(database: Database) -> str:
    """Of every row with the transaction that wrote it."""
    return database.sql(
        "select md5(string_agg(xmin::text || u::text, '|' order by account, day, project))"
        " from usage u"
    )


# The command


def test_half_a_year_is_taken_in_and_a_second_run_changes_nothing(
    environment: dict[str, str], provisioned: Database, worker: subprocess.Popen
) -> None:
    first = submit(environment, "usage.ingest", "days=180")
    assert first.returncode == 0, first.stderr
    assert ", usage.ingest, succeeded after " in first.stdout
    assert '"failures": {}' in first.stdout
    rows = provisioned.sql("select account, count(*), max(day) - min(day) from usage group by 1")
    assert {line.split("|")[0] for line in rows.splitlines()} == ACCOUNTS
    assert {line.split("|")[2] for line in rows.splitlines()} == {"179"}
    before = row_hash(provisioned)
    second = submit(environment, "usage.ingest", "days=180")
    assert second.returncode == 0
    # A midnight in between brings one day more.
    if first.stdout[first.stdout.index("{") :] == second.stdout[second.stdout.index("{") :]:
        assert row_hash(provisioned) == before


def test_an_account_that_failed_is_named_and_makes_the_exit_code_1(
    environment: dict[str, str], platform: Platform, worker: subprocess.Popen
) -> None:
    with platform.client() as control:
        order = {"kind": "html", "account": "studio-south"}
        control.post("/api/faults", json={"usage": order})
        done = submit(environment, "usage.ingest", "days=1")
        control.post("/api/faults", json=dict.fromkeys(ENDPOINTS))
    assert done.returncode == 1
    assert "\nstudio-south: /api/usage from " in done.stderr
    assert '"harbor-media": ' in done.stdout


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ("0", "greater than or equal to 1"),
        ("181", "less than or equal to 180"),
        ("x", "a valid integer"),
        ("true", "a valid integer"),
    ],
)
def test_days_that_cannot_be_asked_for_are_a_sentence_and_no_job(
    environment: dict[str, str],
    provisioned: Database,
    capsys: pytest.CaptureFixture[str],
    days: str,
    why: str,
) -> None:
    before = provisioned.sql("select count(*) from jobs")
    assert shell(["jobs", "submit", "usage.ingest", f"days={days}"]) == 2
    shown = capsys.readouterr()
    assert f"days: Input should be {why}" in shown.err
    assert (shown.err.count("\n"), shown.out) == (1, "")
    assert provisioned.sql("select count(*) from jobs") == before


# The manifest over the API


def test_the_manifest_is_brought_by_one_job_and_read_from_redis(
    client: FlaskClient, platform: Platform, provisioned: Database, worker: subprocess.Popen
) -> None:
    for path in ("", "/document"):
        none = client.get(f"/api/v1/manifest{path}")
        assert (none.status_code, none.get_json()["detail"]) == (404, Absent.NEVER)
    with platform.client() as control:
        control.post("/api/faults", json={"manifest": {"kind": "slow", "seconds": 2, "times": 1}})
        pointer = control.get("/api/manifest/1.json")
    answers = [client.post("/api/v1/manifest/refresh") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    job = answers[0].headers["Location"]
    assert job == f"/api/v1/jobs/{answers[0].get_json()['id']}"
    wait_until(lambda: client.get(job).get_json()["state"] == "succeeded", "it is there")
    result = client.get(job).get_json()["result"]
    shown = client.get("/api/v1/manifest").get_json()
    assert (result["changed"], result["version"]) == (True, shown["version"]) == (True, "1")
    assert shown["sha256"] == sha256(pointer.content).hexdigest()
    assert (shown["previous"], shown["titles"]) == (None, sum(shown["kinds"].values()))
    assert 0 <= shown["age_seconds"] < 60
    assert shown["loaded_at"] <= shown["checked_at"] <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_reading_changes_nothing(
    client: FlaskClient, provisioned: Database, broker: Broker, worker: subprocess.Popen
) -> None:
    job = client.post("/api/v1/manifest/refresh").headers["Location"]
    wait_until(lambda: client.get(job).get_json()["state"] == "succeeded", "it is there")
    data = Redis.from_url(Settings.load().redis_url(cache.DATABASE))

    def everything() -> tuple[str, list[bytes]]:
        kept = [data.dump(key) for key in sorted(data.keys())]
        return provisioned.sql("select count(*), max(created_at) from jobs"), kept

    before = everything()
    assert client.get("/api/v1/manifest").status_code == 200
    document = client.get("/api/v1/manifest/document")
    assert document.get_json()["version"] == client.get("/api/v1/manifest").get_json()["version"]
    again = {"If-None-Match": document.headers["ETag"]}
    assert client.get("/api/v1/manifest/document", headers=again).status_code == 304
    assert everything() == before


def test_without_redis_the_answer_is_503(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Settings.load(needs=["redis_password"])
    try:
        cache.init(right.model_copy(update={"redis_port": free_port()}), brief=True)
        for path in ("", "/document"):
            away = client.get(f"/api/v1/manifest{path}")
            assert (away.status_code, away.get_json()["detail"]) == (503, Absent.AWAY)
    finally:
        cache.init(right, brief=True)


# Prices over the API


def fetched(client: FlaskClient, symbol: str) -> str:
    """Where the job of a ticker that is asked for is."""
    about = {"symbol": symbol, "name": symbol.capitalize(), "industry": "Media"}
    answer = client.post("/api/v1/prices/fetch", json=about)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def test_a_ticker_is_fetched_by_one_job_and_its_rollups_follow(
    client: FlaskClient, platform: Platform, provisioned: Database, worker: subprocess.Popen
) -> None:
    with platform.client() as control:
        control.post("/api/faults", json={"prices": {"kind": "slow", "seconds": 2, "times": 1}})
    jobs = {fetched(client, symbol) for symbol in ("aldr", "ALDR ")}
    assert len(jobs) == 1
    job = jobs.pop()
    wait_until(lambda: client.get(job).get_json()["message"], "it says what it does")
    assert client.get(job).get_json()["message"].endswith(" for ALDR")
    wait_until(lambda: client.get(job).get_json()["state"] == "succeeded", "it is there")
    result = client.get(job).get_json()["result"]
    assert (result["added"], result["splits"][0]["ratio"]) == (2854, "2:1")
    assert provisioned.sql("select count(*) from prices_daily") == "2854"
    bars = "select sum(close_n) from prices_daily_7d"
    wait_until(lambda: provisioned.sql(bars) == "2854", "the rollups have all days")


def test_a_symbol_that_is_unknown_fails_at_once_and_tells_nobody_else(
    client: FlaskClient, provisioned: Database, worker: subprocess.Popen
) -> None:
    job = fetched(client, "NONE")
    wait_until(lambda: client.get(job).get_json()["state"] == "failed", "it is known")
    shown = client.get(job).get_json()
    assert shown["message"].endswith(" knows no NONE (status 404): check the symbol")
    assert shown["attempts"] == 1
    assert provisioned.sql("select count(*) from jobs where kind = 'notify.send'") == "0"


def test_a_fetch_that_waits_for_a_silent_source_is_cancelled_within_seconds(
    client: FlaskClient, platform: Platform, worker: subprocess.Popen
) -> None:
    with platform.client() as control:
        control.post("/api/faults", json={"prices": "silent"})
        job = fetched(client, "BRCH")
        wait_until(lambda: client.get(job).get_json()["state"] == "running", "it asks")
        assert client.post(f"{job}/cancel").status_code == 200
        # Sooner than the source is given up, which ends it as well.
        soon = source.DEADLINE - 3
        wait_until(lambda: client.get(job).get_json()["state"] == "cancelled", "it ends", soon)
        control.post("/api/faults", json=dict.fromkeys(ENDPOINTS))
    assert client.get("/api/v1/tickers/BRCH").status_code == 404
