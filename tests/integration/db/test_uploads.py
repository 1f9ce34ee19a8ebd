"""Uploads on the real application, server and database: parts, breaks, limits, what is left."""

from __future__ import annotations

import hashlib
import os
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.integration.db.conftest import SCHEMA_FILE, Database, web_secrets
from tests.served import Web
from timestack import db
from timestack.app import create_app
from timestack.domains import tokens, users
from timestack.domains.jobs.kinds import Params
from timestack.domains.load.run import load
from timestack.domains.uploads import store
from timestack.domains.uploads.layout import SQL, Layout
from timestack.domains.uploads.loading import options
from timestack.progress import unwatched
from timestack.series import catalog
from timestack.tasks import maintenance

pytestmark = pytest.mark.database

UPLOADS = "/api/v1/uploads"
BYTES = "application/offset+octet-stream"
CSV = b"time,meter,watts\n" + b"".join(
    b"2026-01-31T12:%02d:00Z,%c,%d.5\n" % (n // 2, b"ab"[n % 2], n) for n in range(60)
)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def app(provisioned: Database, folder: Path) -> Iterator[Flask]:
    """The application without Redis, where nobody asks too often."""
    settings = provisioned.settings("app", **web_secrets(provisioned))
    changes = {
        "redis_host": "127.0.0.1",
        "redis_port": 1,
        "uploads_dir": folder,
        "api_rate": "100000/minute",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        catalog.current.cache_clear()
        made = create_app(settings.model_copy(update=changes))
        yield made
        made.extensions["engine"].dispose()
    catalog.current.cache_clear()


def token_of(name: str, role: str) -> str:
    """A token of a user, who is made; it may what the role may."""
    with db.session() as session:
        users.put(session, f"{name}@example.org", role)
        user = users.find(session, f"{name}@example.org")
        return tokens.make(session, user, "x", tokens_role(role))[0]


def tokens_role(role: str) -> str:
    return next(own for own, needed in tokens.ROLES.items() if needed == role)


class Person:
    """Somebody who uploads."""

    def __init__(self, app: Flask, name: str, role: str = "editor"):
        self.client = app.test_client()
        self.email = f"{name}@example.org"
        self.headers = {"Authorization": f"Bearer {token_of(name, role)}"}

    def __call__(self, method: str, path: str = "", headers=None, **more) -> TestResponse:
        headers = {**self.headers, **(headers or {})}
        return self.client.open(UPLOADS + path, method=method, headers=headers, **more)

    def begin(self, size: int = len(CSV), name: str = "power.csv", **more) -> str:
        answer = self("POST", json={"name": name, "size": size, **more})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"{UPLOADS}/{answer.json['id']}"
        return f"/{answer.json['id']}"

    def send(self, path: str, data: bytes, offset: int = 0) -> TestResponse:
        headers = {"Upload-Offset": str(offset), "Content-Type": BYTES}
        return self("PATCH", path, headers, data=data)

    def sent(self, data: bytes, name: str = "power.csv") -> str:
        path = self.begin(len(data), name)
        assert self.send(path, data).status_code == 204
        return path


@pytest.fixture
def ann(app: Flask, provisioned: Database, folder: Path) -> Iterator[Person]:
    provisioned.sql("delete from uploads")
    yield Person(app, "ann")
    provisioned.sql("delete from uploads")
    for each in folder.iterdir():
        each.unlink()


def refused(answer: TestResponse, status: int, *texts: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert all(text in answer.json["detail"] for text in texts), answer.json["detail"]


# Parts


def test_a_file_comes_in_parts_and_is_what_was_sent(ann: Person, folder: Path) -> None:
    digest = hashlib.sha256(CSV).hexdigest()
    path = ann.begin(sha256=digest)
    shown = ann("GET", path).json
    assert (shown["user"], shown["offset"], shown["complete"]) == (ann.email, 0, False)
    assert shown["part"] == store.PART
    for at in range(0, len(CSV), 500):
        answer = ann.send(path, CSV[at : at + 500], at)
        assert answer.status_code == 204
        assert answer.headers["Upload-Offset"] == str(min(at + 500, len(CSV)))
    assert ann("GET", path).json["complete"]
    [each] = ann("GET").json["uploads"]
    assert each["name"] == "power.csv"
    assert (folder / path[1:]).read_bytes() == CSV
    assert ann("DELETE", path).status_code == 204
    assert ann("GET", path).status_code == 404
    assert not (folder / path[1:]).exists()


def test_a_wrong_offset_is_answered_with_the_right_one(ann: Person, folder: Path) -> None:
    path = ann.begin()
    ann.send(path, CSV[:100])
    for offset in (0, 99, 101, len(CSV)):
        answer = ann.send(path, CSV[offset:], offset)
        refused(answer, 409, "offset 100")
        assert answer.headers["Upload-Offset"] == "100"
        assert answer.json["offset"] == 100
    assert ann.send(path, CSV[100:], 100).status_code == 204
    assert (folder / path[1:]).read_bytes() == CSV


def test_more_than_was_announced_is_refused_and_nothing_of_it_stays(
    ann: Person, folder: Path
) -> None:
    path = ann.begin(10)
    refused(ann.send(path, b"x" * 11), 413, "10 bytes left")
    assert ann("GET", path).json["offset"] == 0
    assert ann.send(path, b"y" * 10).status_code == 204
    assert (folder / path[1:]).read_bytes() == b"y" * 10


def test_a_file_that_changed_on_the_way_begins_again(ann: Person, folder: Path) -> None:
    path = ann.begin(sha256=hashlib.sha256(CSV).hexdigest())
    refused(ann.send(path, b"x" * len(CSV)), 422, "SHA-256", "offset 0")
    assert ann("GET", path).json["offset"] == 0
    assert ann.send(path, CSV).status_code == 204
    assert (folder / path[1:]).read_bytes() == CSV


def test_a_file_that_is_lost_is_sent_again(ann: Person, folder: Path) -> None:
    path = ann.begin()
    ann.send(path, CSV[:100])
    (folder / path[1:]).unlink()
    answer = ann.send(path, CSV[100:], 100)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "0")
    assert ann.send(path, CSV).status_code == 204
    assert (folder / path[1:]).read_bytes() == CSV


def test_of_two_who_send_the_same_part_one_wins_and_the_file_is_whole(
    app: Flask, ann: Person, folder: Path
) -> None:
    data, size = os.urandom(2 * MIB), MIB // 8
    path = ann.begin(len(data))
    together = Barrier(2)

    def tab(_: int) -> list[int]:
        person, offset, seen = Person(app, "ann"), 0, []
        together.wait(60)
        while offset < len(data):
            answer = person.send(path, data[offset : offset + size], offset)
            seen.append(answer.status_code)
            offset = person("GET", path).json["offset"]
        return seen

    with ThreadPoolExecutor(2) as tabs:
        seen = [status for each in tabs.map(tab, range(2)) for status in each]
    assert set(seen) <= {204, 409, 423}
    assert seen.count(204) == len(data) // size
    assert (folder / path[1:]).read_bytes() == data


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Offset": "0"}, 415),
        ({"Upload-Offset": "0", "Content-Type": "text/csv"}, 415),
        ({"Content-Type": BYTES}, 400),
        ({"Content-Type": BYTES, "Upload-Offset": "-1"}, 400),
        ({"Content-Type": BYTES, "Upload-Offset": "٣"}, 400),
        ({"Content-Type": BYTES, "Upload-Offset": "0", "Tus-Resumable": "0.2.2"}, 412),
    ],
)
def test_a_part_says_what_it_is_and_where_it_belongs(
    ann: Person, headers: dict[str, str], status: int
) -> None:
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    assert ann("PATCH", ann.begin(), encoded, data=b"x").status_code == status


# Who may, and how much


def test_an_upload_is_its_owners_and_an_administrators(app: Flask, ann: Person) -> None:
    path = ann.sent(CSV)
    bob, viewer = Person(app, "bob"), Person(app, "vic", "viewer")
    for method in ("GET", "HEAD", "DELETE"):
        assert bob(method, path).status_code == 404
        assert viewer(method, path).status_code == 403
    assert bob.send(path, b"", len(CSV)).status_code == 404
    assert bob("GET", f"{path}/preview").status_code == 404
    assert bob("GET").json == {"uploads": []}
    assert viewer("POST", json={"name": "x", "size": 1}).status_code == 403
    admin = Person(app, "root", "admin")
    assert [each["user"] for each in admin("GET").json["uploads"]] == [ann.email]
    assert admin("DELETE", path).status_code == 204


def test_a_token_for_some_tables_uploads_nothing(app: Flask, ann: Person) -> None:
    with db.session() as session:
        user = users.find(session, ann.email)
        token, _ = tokens.make(session, user, "x", "write", tables=["readings"])
    ann.headers = {"Authorization": f"Bearer {token}"}
    assert ann("POST", json={"name": "x", "size": 1}).status_code == 403


def test_what_is_too_large_is_refused_before_it_starts(ann: Person) -> None:
    refused(ann("POST", json={"name": "x", "size": 2**31 + 1}), 413, "2,147,483,649", "648")
    assert ann("POST", json={"name": "x", "size": 0}).status_code == 422
    assert ann("POST", json={"name": "x", "size": 1, "sha256": "X"}).status_code == 422


def test_a_user_has_ten_at_a_time(app: Flask, ann: Person) -> None:
    paths = [ann.begin(1) for _ in range(store.MOST)]
    refused(ann("POST", json={"name": "x", "size": 1}), 409, "10 uploads", "delete one")
    bob = Person(app, "bob")
    assert bob("DELETE", bob.begin(1)).status_code == 204
    ann("DELETE", paths[0])
    ann.begin(1)


def test_the_disk_keeps_its_reserve_also_from_what_is_promised(
    app: Flask, ann: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.config["SETTINGS"].model_copy(update={"upload_max": "9999999g"})
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    # Of the real disk others take and give back meanwhile.
    usage = shutil.disk_usage(folder)
    free = usage.free
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    answer = ann("POST", json={"name": "x", "size": free})
    refused(answer, 507, f"{free:,} bytes", f"{store.RESERVE:,} of them must stay free")
    # There was room for each of them, and there is not for both.
    half = (free - store.RESERVE) // 2
    ann.begin(half)
    refused(ann("POST", json={"name": "y", "size": half + 100 * MIB}), 507, "under way")


# tus


def test_a_client_of_tus_finds_what_it_knows(ann: Person, folder: Path) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    known = ann("OPTIONS", headers=tus)
    assert known.headers["Tus-Version"] == "1.0.0"
    assert known.headers["Tus-Max-Size"] == str(2**31)
    assert "creation" in known.headers["Tus-Extension"]
    name = b64encode("kraftwerk ü.csv".encode()).decode()
    length = {"Upload-Length": str(len(CSV)), "Upload-Metadata": f"filename {name},filetype"}
    made = ann("POST", headers={**tus, **length})
    assert (made.status_code, made.headers["Tus-Resumable"]) == (201, "1.0.0")
    path = made.headers["Location"].removeprefix(UPLOADS)
    assert ann("GET", path).json["name"] == "kraftwerk ü.csv"
    assert ann.send(path, CSV[:50]).status_code == 204
    asked = ann("HEAD", path, tus)
    assert (asked.status_code, asked.data) == (200, b"")
    assert asked.headers["Upload-Offset"] == "50"
    assert asked.headers["Upload-Length"] == str(len(CSV))
    assert "no-store" in asked.headers["Cache-Control"]
    assert asked.headers["Upload-Expires"].endswith("GMT")
    assert ann.send(path, CSV[50:], 50).status_code == 204
    assert ann("DELETE", path, tus).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Length": "x"},
        {"Upload-Length": "0"},
        {"Upload-Length": "1", "Upload-Metadata": "filename %"},
        {"Upload-Length": "1", "Upload-Metadata": "sha256 eA=="},
    ],
)
def test_faults_of_its_headers_are_named(ann: Person, headers: dict[str, str]) -> None:
    answer = ann("POST", headers=headers)
    assert answer.status_code == 400
    assert answer.json["detail"]


# Memory, and what is left


def test_the_webs_memory_does_not_grow_with_the_file(
    served: Web, provisioned: Database, jobs_variables: dict[str, str]
) -> None:
    engine = db.init(provisioned.settings("app"))
    headers = {"Authorization": f"Bearer {token_of('large', 'editor')}"}
    engine.dispose()
    data, size = os.urandom(store.PART), 64 * MIB
    with closing(served.connect()) as connection:

        def ask(method: str, path: str, body: bytes | str, **more: str) -> dict[str, str]:
            connection.request(method, path, body, {**headers, **more})
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()
            answer.read()
            return dict(answer.getheaders())

        body = f'{{"name": "large.bin", "size": {size}}}'
        made = ask("POST", UPLOADS, body, **{"Content-Type": "application/json"})
        path = made["Location"]
        part = {"Content-Type": BYTES}
        connection.request("PATCH", path, data + b"x", {**headers, **part, "Upload-Offset": "0"})
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"4 MiB at most" in answer.read()
        ask("PATCH", path, data, **part, **{"Upload-Offset": "0"})
        before, most = served.memory(), 0
        for offset in range(store.PART, size, store.PART):
            ask("PATCH", path, data, **part, **{"Upload-Offset": str(offset)})
            most = max(most, served.memory())
        file = Path(jobs_variables["UPLOADS_DIR"]) / path.rpartition("/")[2]
        assert file.stat().st_size == size
        with file.open("rb") as opened:
            assert (
                hashlib.file_digest(opened, "sha256").digest()
                == hashlib.sha256(data * (size // store.PART)).digest()
            )
        assert most - before < 8 * MIB
        ask("DELETE", path, b"")


def test_what_nobody_came_back_to_is_deleted_with_its_file_and_files_of_nobody_too(
    app: Flask, ann: Person, folder: Path, provisioned: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in provisioned.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_ROLE", "timestack_app")
    monkeypatch.setenv("UPLOADS_DIR", str(folder))
    begun, complete, read, recent = ann.begin(), ann.sent(CSV), ann.sent(CSV), ann.sent(CSV)
    ann.send(begun, CSV[:100])
    orphan, foreign = folder / str(uuid4()), folder / "lost+found"
    orphan.touch()
    foreign.touch()
    ids = ", ".join(f"'{each[1:]}'" for each in (begun, complete, read))
    provisioned.sql(
        f"update uploads set touched_at = now() - interval '25 hours' where id in ({ids});"
        " insert into jobs (id, kind, state, params)"
        f" values (gen_random_uuid(), 'jobs.probe', 'queued', '{{\"upload\": \"{read[1:]}\"}}')"
    )
    # What the nightly job does.
    with db.steady_session() as session:
        found = maintenance.prune(session, unwatched, Params())
    assert (found["uploads"], found["files"]) == (2, 1)
    provisioned.sql("truncate jobs")
    left = {UUID(each["id"]) for each in ann("GET").json["uploads"]}
    assert left == {UUID(read[1:]), UUID(recent[1:])}
    assert {each.name for each in folder.iterdir()} == {foreign.name, read[1:], recent[1:]}


# Preview


def test_what_the_preview_shows_is_what_a_load_by_its_layout_does(
    ann: Person, folder: Path, provisioned: Database
) -> None:
    path = ann.sent(CSV)
    shown = ann("GET", f"{path}/preview").json
    assert [(each["name"], each["type"], each["role"]) for each in shown["columns"]] == [
        ("time", "time", "time"),
        ("meter", "text", "key"),
        ("watts", "number", "value"),
    ]
    assert shown["problems"] == []
    assert (shown["rows"], shown["first"][1]) == (60, ["2026-01-31T12:00:00Z", "b", 1.5])
    layout = shown["layout"]
    layout["columns"][1] |= {"role": "ignored"}
    layout["columns"][2] |= {"name": "power"}
    checked = ann("POST", f"{path}/preview", json=layout).json
    assert checked["layout"] == layout
    assert checked["first"][1] == ["2026-01-31T12:00:00Z", 1.5]
    assert "30 of 60 rows" in checked["problems"][0]["detail"]
    known = Layout.model_validate(layout)
    columns = ", ".join(f"{each.name} {SQL[each.type]}" for each in known.kept)
    provisioned.sql(f"set role timestack_owner; create table made ({columns})")
    asked = options(known, "made", str(folder / path[1:]), "power.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEMA_FILE", str(SCHEMA_FILE))
        assert load(provisioned.engine(), asked, None).written == 60
    assert provisioned.sql("select sum(power) from made where time = '2026-01-31T12:00Z'") == "2"
    provisioned.sql("drop table made")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda layout: layout["columns"][0].update(role="value"),
            "exactly one column is the time",
        ),
        (lambda layout: layout["columns"][1].update(name="select"), "a word of SQL"),
        (lambda layout: layout["columns"][1].update(name="watts"), "two columns are called watts"),
        (lambda layout: layout["columns"][1].update(name="watts_sum"), "what a rollup of watts"),
        (lambda layout: layout["columns"][1].update(name='a"; drop'), "should match pattern"),
        (lambda layout: layout.update(zone="Europe/Nowhere"), "not a time zone"),
        (lambda layout: layout.update(more=1), "not a member here"),
    ],
)
def test_a_layout_that_makes_no_table_is_refused_and_says_why(
    ann: Person, change: Callable[[dict], object], text: str
) -> None:
    path = ann.sent(CSV)
    layout = ann("GET", f"{path}/preview").json["layout"]
    change(layout)
    refused(ann("POST", f"{path}/preview", json=layout), 422, text)


def test_a_preview_needs_the_first_part_and_of_parquet_the_last(ann: Person) -> None:
    path = ann.begin()
    refused(ann("GET", f"{path}/preview"), 409, "first part")
    size = store.PART + 10
    path = ann.begin(size)
    ann.send(path, b"PAR1" + b"x" * (store.PART - 4))
    refused(ann("GET", f"{path}/preview"), 409, "wait until all of it is there")
    path = ann.begin(size)
    ann.send(path, (b"time,watts\n" + b"2026-01-31T12:00:00Z,1.5\n" * 200_000)[: store.PART])
    shown = ann("GET", f"{path}/preview").json
    assert (shown["complete"], shown["rows"], shown["looked_at"]) == (False, None, 1000)
    assert [each["type"] for each in shown["columns"]] == ["time", "number"]
