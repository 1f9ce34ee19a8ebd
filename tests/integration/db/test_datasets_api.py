"""Datasets over HTTP: made of an upload, read as any table, renamed, shown, described, deleted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scripts.provision import worker
from tests.integration.db.conftest import Broker, Database, web_secrets
from tests.stack import ROOT, wait_until
from timestack import db, queue
from timestack.app import create_app
from timestack.domains import tokens, users
from timestack.domains.datasets import describe
from timestack.domains.jobs import dispatch
from timestack.domains.jobs.line import Line
from timestack.domains.jobs.steps import PermanentError
from timestack.models.datasets import Dataset
from timestack.models.jobs import Job
from timestack.models.uploads import Upload
from timestack.series import catalog
from timestack.tasks import every

pytestmark = pytest.mark.database

API = "/api/v1"
CSV = "time,meter,watts,on\n" + "".join(
    f"2026-01-{1 + n // 24:02d}T{n % 24:02d}:00Z,{meter},{n},{'t' if n % 4 else 'f'}\n"
    for n in range(480)
    for meter in "ab"
)
LAYOUT = {
    "columns": [
        {"label": "time", "name": "time", "type": "time", "role": "time"},
        {"label": "meter", "name": "meter", "type": "text", "role": "key"},
        {"label": "watts", "name": "watts", "type": "number", "role": "value"},
        {"label": "on", "name": "on_", "type": "boolean", "role": "value"},
    ]
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def app(provisioned: Database, folder: Path) -> Iterator[Flask]:
    """The application without Redis, where nobody asks too often."""
    changes = {"redis_host": "127.0.0.1", "redis_port": 1, "api_rate": "100000/minute"}
    settings = provisioned.settings("app", **web_secrets(provisioned))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in provisioned.environment.items():
            patch.setenv(name, value)
        patch.setenv("UPLOADS_DIR", str(folder))
        catalog.current.cache_clear()
        made = create_app(settings.model_copy(update={**changes, "uploads_dir": folder}))
        yield made
        made.extensions["engine"].dispose()
    catalog.current.cache_clear()


@pytest.fixture(autouse=True)
def nothing_to_do(provisioned: Database) -> None:
    """What a test leaves queued is not done by the next one."""
    provisioned.truncate("jobs")


class Person:
    """Somebody who asks, by a token of theirs."""

    def __init__(self, app: Flask, name: str, role: str = "editor", tables=None):
        self.client = app.test_client()
        with db.session() as session:
            users.put(session, f"{name}@example.org", role)
            user = users.find(session, f"{name}@example.org")
            self.id = user.id
            own = next(own for own, needed in tokens.ROLES.items() if needed == role)
            text, _ = tokens.make(session, user, "x", own, tables=tables)
        self.headers = {"Authorization": f"Bearer {text}"}

    def __call__(self, method: str, path: str, headers=None, **more) -> TestResponse:
        headers = {**self.headers, **(headers or {})}
        return self.client.open(API + path, method=method, headers=headers, **more)


@pytest.fixture(scope="module")
def ann(app: Flask) -> Person:
    return Person(app, "ann")


@pytest.fixture(scope="module")
def bob(app: Flask) -> Person:
    return Person(app, "bob")


@pytest.fixture
def upload(provisioned: Database, folder: Path, ann: Person) -> Callable[..., str]:
    """Puts a complete file of Ann's where uploads are; gives its id."""

    def put(text: str = CSV, received: int | None = None) -> str:
        data = text.encode()
        with Session(provisioned.engine()) as session, session.begin():
            made = Upload(user_id=ann.id, name="power.csv", size=len(data))
            made.received = len(data) if received is None else received
            session.add(made)
            session.flush()
            (folder / str(made.id)).write_bytes(data)
            return str(made.id)

    return put


def work(database: Database, *kinds: str) -> None:
    """Have the queued jobs of these kinds done, as the workers whose they are do them."""
    for kind in kinds:
        role = "app" if kind == "datasets.load" else "owner"
        db.init(database.settings(role, database_pool_size=5))
        with db.session() as session:
            ids = [job.id for job in session.query(Job).filter_by(kind=kind, state="queued")]
        assert ids, kind
        for id in ids:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DATABASE_ROLE", f"timestack_{role}")
                # A process keeps its connection, and these are two.
                patch.setattr("timestack.tasks.job._line", Line())
                (every if role == "app" else worker).app.tasks[kind](str(id))
        with db.session() as session:
            for id in ids:
                job = session.get_one(Job, id)
                assert job.state == "succeeded", job.errors
    db.init(database.settings("app"))


def new(ann: Person, upload: str, name: str = "Power", **more) -> TestResponse:
    body = {"name": name, "upload": upload, "layout": LAYOUT, **more}
    return ann("POST", "/datasets", json=body)


def refused(answer: TestResponse, status: int, *texts: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert all(text in answer.json["detail"] for text in texts), answer.json["detail"]


def test_a_dataset_from_its_upload_to_its_end(
    provisioned: Database, folder: Path, ann: Person, bob: Person, upload: Callable[..., str]
) -> None:
    answer = new(ann, upload())
    assert answer.status_code == 202, answer.text
    made, id = answer.json, answer.json["uploaded"]["id"]
    assert answer.headers["Location"] == f"{API}/datasets/{id}"
    assert (made["uploaded"]["state"], made["rows"]) == ("preparing", 0)
    work(provisioned, "datasets.make", "datasets.load")
    shown = ann("GET", "/datasets/power").json
    table = f"datasets.d{id}"
    assert (shown["name"], shown["table"], shown["rows"]) == ("Power", table, 960)
    assert shown["uploaded"]["state"] == "ready"
    assert shown["uploaded"]["owner"] == "ann@example.org"
    assert (shown["keys"], shown["values"]) == (["meter"], ["watts"])
    assert shown["extent"]["last"] == "2026-01-20T23:00:00Z"
    assert shown["size"] > 8192
    assert shown["chunks"] == 1
    assert list(folder.iterdir()) == [], "what was loaded is deleted"

    def series(who: Person) -> TestResponse:
        return who("GET", f"/series?table={table}&key.meter=a&points=10&format=json")

    found = series(ann).json
    assert found["tables"][0] == f"{table}_1d"
    assert found["series"][0]["max"][-1] == 479
    lines = ann("GET", f"/export/{table}?format=csv&key.meter=b").text.splitlines()
    assert (len(lines), lines[0]) == (481, '"time","meter","watts","on_"')
    # Of nobody else, yet.
    refused(bob("GET", f"/datasets/{id}"), 404, "may not see")
    refused(series(bob), 422, "may not see")
    refused(bob("GET", f"/export/{table}"), 404, "may not see")
    assert "Power" not in [each["name"] for each in bob("GET", "/datasets").json["items"]]
    tag = ann("GET", f"/datasets/d{id}").headers["ETag"]
    change = {"name": "Watts", "visibility": "everybody"}
    changed = ann("PATCH", f"/datasets/{table}", {"If-Match": tag}, json=change)
    assert (changed.status_code, changed.json["table"]) == (200, table)
    refused(ann("PATCH", "/datasets/watts", {"If-Match": tag}, json=change), 412)
    work(provisioned, "datasets.make")
    assert series(bob).json == found
    refused(bob("PATCH", "/datasets/watts", json={"name": "Mine"}), 403)
    refused(bob("DELETE", "/datasets/watts"), 403)
    assert ann("DELETE", "/datasets/watts").status_code == 202
    refused(ann("DELETE", "/datasets/watts"), 409, "being deleted")
    refused(series(bob), 422, "is gone")
    refused(bob("GET", f"/export/{table}"), 404, "is gone")
    work(provisioned, "datasets.drop")
    refused(ann("GET", f"/datasets/{id}"), 404)


def test_the_columns_are_described_in_figures(
    provisioned: Database,
    ann: Person,
    upload: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = new(ann, upload(), "Figures").json["uploaded"]["id"]
    refused(ann("GET", "/datasets/figures/describe"), 409, "no table yet")
    work(provisioned, "datasets.make", "datasets.load")
    found = ann("GET", f"/datasets/{id}/describe").json
    assert (found["rows"], found["part"]) == (960, 1)
    time, meter, watts, on = found["columns"]
    assert time["lowest"].startswith("2026-01-01 00:00:00")
    assert (meter["distinct"], meter["highest"], meter["mean"]) == (2, "b", None)
    assert (watts["count"], watts["nulls"], watts["lowest"], watts["mean"]) == (960, 0, 0, 239.5)
    assert {"part": 0.5, "value": 239.5} in watts["quantiles"]
    assert (on["mean"], on["distinct"]) == (0.75, 2)
    part = ann("GET", f"/datasets/{id}/describe?start=2026-01-20T00:00:00Z").json
    assert part["rows"] == 48
    instant = "start=2026-01-20T00:00:00Z&end=2026-01-20T00:00:00Z"
    refused(ann("GET", f"/datasets/{id}/describe?{instant}"), 422, "not after start")
    monkeypatch.setattr(describe, "MOST_ROWS", 480)
    provisioned.sql(f"analyze datasets.d{id}")
    part = ann("GET", f"/datasets/{id}/describe").json
    assert part["part"] == 0.5
    assert part["rows"] <= 960
    columns = ann("GET", "/datasets/readings/describe").json["columns"]
    assert [each["name"] for each in columns] == ["time", "sensor_id", "value"]


def test_a_table_that_is_dropped_while_it_is_read_is_said_to_be_gone(
    provisioned: Database, ann: Person, upload: Callable[..., str]
) -> None:
    id = new(ann, upload(), "Gone").json["uploaded"]["id"]
    work(provisioned, "datasets.make", "datasets.load")
    # As for whoever asked before the row said so.
    provisioned.sql(f"drop table datasets.d{id} cascade")
    refused(ann("GET", f"/series?table=datasets.d{id}&points=9"), 422, "deleted a moment ago")
    refused(ann("GET", f"/export/datasets.d{id}"), 404, "is gone")
    assert ann("GET", "/datasets/gone").json["extent"] is None
    assert ann("DELETE", "/datasets/gone").status_code == 202
    work(provisioned, "datasets.drop")


def test_a_token_for_a_dataset_reads_it_and_no_other(
    provisioned: Database, app: Flask, ann: Person, upload: Callable[..., str]
) -> None:
    id = new(ann, upload(), "Tokens").json["uploaded"]["id"]
    work(provisioned, "datasets.make", "datasets.load")
    script = Person(app, "ann", tables=[f"datasets.d{id}"])
    assert script("GET", f"/export/datasets.d{id}").status_code == 200
    assert script("GET", "/datasets/tokens").status_code == 200
    refused(script("GET", "/export/readings"), 403)
    refused(script("GET", "/datasets"), 403)


def test_what_cannot_be_made_is_refused_before_anything_is_made(
    provisioned: Database, ann: Person, bob: Person, upload: Callable[..., str]
) -> None:
    refused(new(ann, upload(received=10)), 409, "not complete")
    refused(new(ann, str(uuid4())), 404)
    refused(new(bob, upload()), 404, "not yours")
    refused(new(ann, upload("time,watts\n2026-01-01T00:00Z,1\n")), 422, "4 columns")
    refused(new(ann, upload(), "d7"), 422, "looks like the id")
    used = upload()
    assert new(ann, used, "Taken").status_code == 202
    refused(new(bob, upload(), "TAKEN"), 404)
    refused(new(ann, upload(), "TAKEN"), 409, "already")
    refused(new(ann, used, "Another"), 409, "already")
    for method in ("PATCH", "DELETE"):
        more = {"json": {"name": "x"}} if method == "PATCH" else {}
        refused(ann(method, "/datasets/readings", **more), 409, "hypertables.yaml")
    assert provisioned.sql("select count(*) from datasets where name = 'Another'") == "0"


@pytest.fixture
def disk(provisioned: Database) -> Iterator[Callable[[str], None]]:
    """Has the server tell of a volume of a tebibyte with so much of it free; null: of none."""
    usual = provisioned.sql("select pg_get_functiondef('timestack_server.volume()'::regprocedure)")

    def free(amount: str) -> None:
        provisioned.sql(
            "create or replace function timestack_server.volume("
            "out total bigint, out free bigint, out seen_at timestamptz)"
            " language sql as $$"
            f" select case when {amount} is null then null else 2^40::bigint end,"
            f" ({amount})::bigint, now() $$"
        )

    yield free
    provisioned.sql(usual)


def test_a_file_for_which_the_databases_disk_has_no_room_is_refused_before_anything_is_made(
    provisioned: Database, ann: Person, upload: Callable[..., str], disk: Callable[[str], None]
) -> None:
    # A gibibyte stays free, and the file of 26 kB takes 130 at most.
    disk("2^30 + 100000")
    said = ("Loading the file takes about", "the disk of the database has 1.07 GB free", "send")
    used = upload()
    refused(new(ann, used, "Roomy"), 507, *said)
    assert provisioned.sql("select count(*) from datasets where name = 'Roomy'") == "0"
    # The file is there still, for when there is room.
    disk("2^30 + 200000")
    id = new(ann, used, "Roomy").json["uploaded"]["id"]
    work(provisioned, "datasets.make")
    # Meanwhile somebody else has filled it.
    disk("2^30")
    with pytest.raises(PermanentError, match="nothing was loaded: loading the file takes about"):
        work(provisioned, "datasets.load")
    shown = ann("GET", "/datasets/roomy").json["uploaded"]
    assert shown["state"] == "failed"
    assert "1.07 GB free" in shown["message"]
    assert provisioned.sql(f"select count(*) from datasets.d{id}") == "0"
    assert ann("DELETE", "/datasets/roomy").status_code == 202
    work(provisioned, "datasets.drop")


@pytest.mark.parametrize("amount", ["null", "1/0"])
def test_a_disk_that_nobody_knows_keeps_no_file_out(
    ann: Person,
    provisioned: Database,
    upload: Callable[..., str],
    disk: Callable[[str], None],
    amount: str,
) -> None:
    disk(amount)
    assert new(ann, upload(), "Unknown").status_code == 202
    assert ann("DELETE", "/datasets/unknown").status_code == 202
    work(provisioned, "datasets.drop")


def test_the_owners_worker_makes_tables_and_knows_no_other_job(
    provisioned: Database,
    app: Flask,
    broker: Broker,
    ann: Person,
    upload: Callable[..., str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "celery", "-A", "scripts.provision.worker", "worker"]
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(
            [*command, "-Q", queue.OWNER, "--pool", "solo"],
            env={
                **environment,
                "DATABASE_ROLE": "timestack_owner",
                "TMPDIR": str(tmp_path),
                "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}",
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        id = new(ann, upload(), "Worked").json["uploaded"]["id"]
        job = dispatch.submit("jobs.probe")
        queue.send("jobs.probe", str(job.id), queue=queue.OWNER)
        dispatch.due()

        def state(kind: str) -> str:
            with db.session() as session:
                return session.query(Job).filter_by(kind=kind).one().state

        wait_until(lambda: state("datasets.make") == "succeeded", "the table is made")
        with db.session() as session:
            assert session.get(Dataset, id).state == "loading"
        assert state("jobs.probe") == "queued"
        wait_until(lambda: b"unregistered task" in (tmp_path / "log").read_bytes(), "it is refused")
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
