"""The manifest: from the simulated platform into a real Redis, in one step or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import httpx
import pytest
from flask import Flask
from pydantic import SecretStr
from redis import Redis

from media_platform.faults import ENDPOINTS, KINDS
from tests.integration.db.conftest import Broker
from tests.integration.db.test_platform_ingest import answering
from tests.stack import free_port, wait_until
from tests.unit.platform.running import Platform, running
from tests.unit.web.conftest import person, signed_in
from timestack import cache
from timestack.app import create_app
from timestack.domains.platform import http, manifest
from timestack.pages import landing
from timestack.progress import unwatched
from timestack.settings import Settings

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def control(platform: Platform) -> Iterator[httpx.Client]:
    """The platform's controls; every fault is repaired at the end."""
    with platform.client() as client:
        yield client
        client.post("/api/faults", json=dict.fromkeys(ENDPOINTS))


@pytest.fixture
def redis(broker: Broker, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """Redis without any manifest, as the worker knows it; upstream is not waited for long."""
    monkeypatch.setattr(http, "PAUSE", 0.01)
    monkeypatch.setattr(manifest, "DEADLINE", 2.0)
    client = cache.init(settings(broker.port, secrets))
    client.flushdb()
    return client


def settings(port: int, secrets: Path) -> Settings:
    return Settings(
        timestack_env="test",
        database_sslmode="require",
        database_password=SecretStr("x"),
        redis_host="localhost",
        redis_port=port,
        redis_password=SecretStr((secrets / "redis_password").read_text().strip()),
        secret_key=SecretStr("x" * 32),
    )


def refresh(platform: Platform) -> dict:
    return manifest.refresh(platform.url, unwatched)


def publish(control: httpx.Client) -> str:
    return control.post("/api/manifest/publish").json()["version"]


def order(control: httpx.Client, **faults: object) -> None:
    assert control.post("/api/faults", json=faults).status_code == 200


def everything(redis: Redis) -> dict[bytes, object]:
    """What is in the database, but for the time of the last check."""
    keys = [key for key in redis.scan_iter() if key.decode() != manifest.CHECKED]
    return {key: redis.hgetall(key) for key in keys}


def asked(platform: Platform, path: str) -> int:
    return platform.log.read_text().count(f"GET {path} ")


# What a refresh brings


def test_before_the_first_refresh_there_is_none(redis: Redis) -> None:
    assert manifest.current() is manifest.Absent.NEVER
    assert manifest.document() is manifest.Absent.NEVER


def test_the_first_refresh_brings_the_document_and_what_is_built_from_it(
    platform: Platform, redis: Redis
) -> None:
    result = refresh(platform)
    pointer = httpx.get(f"{platform.url}/api/manifest").json()
    original = httpx.get(platform.url + pointer["url"])
    titles = original.json()["titles"]
    assert result == {
        "changed": True,
        "version": pointer["version"],
        "titles": len(titles),
        "previous": None,
    }
    built, text = manifest.document()
    assert text == original.content
    assert (built.version, built.sha256) == (pointer["version"], pointer["sha256"])
    kinds = [title["kind"] for title in titles]
    assert built.kinds == {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    assert sum(built.languages.values()) == len(titles)
    found = manifest.current()
    assert (found.built, found.previous) == (built, None)
    assert found.loaded_at <= found.checked_at
    assert 0 <= found.age.total_seconds() < 10


def test_the_same_version_is_neither_downloaded_nor_written_again(
    platform: Platform, redis: Redis
) -> None:
    first = refresh(platform)
    before, path = everything(redis), f"/api/manifest/{first['version']}.json"
    downloads = asked(platform, path)
    assert refresh(platform) == {**first, "changed": False}
    assert everything(redis) == before
    assert asked(platform, path) == downloads
    assert "GET /api/manifest 304" in platform.log.read_text()


def test_a_new_version_replaces_the_old_one_which_is_kept(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    refresh(platform)
    old, text = manifest.document()
    new = publish(control)
    assert refresh(platform)["changed"]
    found = manifest.current()
    assert (found.built.version, found.previous) == (new, old.version)
    assert redis.hget(manifest.PREVIOUS, "document") == text
    third = publish(control)
    refresh(platform)
    assert (manifest.current().built.version, manifest.current().previous) == (third, new)
    assert len(everything(redis)) == 2
    assert [redis.ttl(key) for key in everything(redis)] == [-1, -1]


def test_a_redis_that_was_wiped_is_loaded_again(platform: Platform, redis: Redis) -> None:
    before = refresh(platform)
    redis.flushall()
    assert manifest.current() is manifest.Absent.NEVER
    assert refresh(platform) == before
    assert manifest.document()[0].version == before["version"]


@pytest.mark.parametrize("lost", ["document", "kept"])
def test_a_hash_that_is_not_whole_is_loaded_again(
    platform: Platform, redis: Redis, lost: str
) -> None:
    refresh(platform)
    redis.hdel(manifest.CURRENT, lost)
    assert manifest.document() is manifest.Absent.NEVER
    refresh(platform)
    assert manifest.document()[0].titles > 0


# A reader never sees half of it


def test_who_reads_while_versions_change_has_all_of_one_version(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    refresh(platform)
    end, seen = Event(), set()

    def read() -> int:
        reads = 0
        while not end.is_set():
            built, text = manifest.document()
            assert sha256(text).hexdigest() == built.sha256
            document = json.loads(text)
            assert document["version"] == built.version
            assert len(document["titles"]) == built.titles == sum(built.kinds.values())
            found = manifest.current()
            assert found.previous is None or int(found.previous) == int(found.built.version) - 1
            seen.add(built.version)
            reads += 1
        return reads

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for _ in range(6):
                new = publish(control)
                refresh(platform)
                wait_until(lambda new=new: new in seen or readers[0].done(), "it is read")
        finally:
            end.set()
        assert min(reader.result() for reader in readers) >= 6
    assert len(seen) >= 6


def test_refreshes_at_the_same_time_bring_one_version_and_keep_the_one_before(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    old = refresh(platform)["version"]
    new = publish(control)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(refresh, platform) for _ in range(4)]
        assert {each.result()["version"] for each in done} == {new}
    assert (manifest.current().built.version, manifest.current().previous) == (new, old)
    assert len(everything(redis)) == 2


# A failure keeps the old one

WHY = {
    "500": "the answer's status is 500 instead of 200",
    "503": "the answer's status is 503 instead of 200",
    "429": "the answer's status is 429 instead of 200; it asks to wait 3600 s",
    "401": "the answer's status is 401 instead of 200",
    "redirect": "a redirect to another host, and none is followed",
    "html": "the answer is not plain application/json",
    "nonsense": "Input should be an object",
    "empty": "Invalid JSON",
    "cut": "Invalid JSON",
    "half": "the answer breaks off",
    "huge": "is longer than",
    "silent": "no complete answer within",
    "drip": "no complete answer within",
}
# By the SHA-256, before anything is read.
WHY_DOCUMENT = {
    kind: "the document's SHA-256 is" for kind in ("nonsense", "empty", "cut", "altered")
}


# A line break more matters only where bytes are hashed.
@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [("manifest", kind) for kind in sorted(KINDS) if kind not in ("slow", "altered")]
    + [("document", kind) for kind in sorted(KINDS) if kind != "slow"],
)
def test_a_fault_of_the_platform_keeps_the_old_version_and_is_a_sentence(
    platform: Platform,
    control: httpx.Client,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    kind: str,
) -> None:
    if kind in ("silent", "drip"):
        monkeypatch.setattr(manifest, "DEADLINE", 0.4)
        monkeypatch.setattr(manifest, "WITHIN", 1.0)
    refresh(platform)
    before = everything(redis)
    new = publish(control)
    order(control, **{endpoint: {"kind": kind, "retry_after": "3600" if kind == "429" else ""}})
    elsewhere = asked(platform, "/api/elsewhere")
    with pytest.raises(manifest.ManifestError) as caught:
        refresh(platform)
    sentence = str(caught.value)
    path = {"manifest": "/api/manifest: ", "document": f"/api/manifest/{new}.json: "}[endpoint]
    assert sentence.startswith(path)
    assert (WHY_DOCUMENT if endpoint == "document" else {}).get(kind, WHY.get(kind)) in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert everything(redis) == before
    assert asked(platform, "/api/elsewhere") == elsewhere
    order(control, **{endpoint: None})
    assert refresh(platform)["version"] == new


GOOD = {"id": "a", "title": "A", "kind": "film", "language": "da", "seconds": 1, "edition": 1}


def described(*titles: object, version: str = "7", **changes: object) -> dict[str, object]:
    """What a platform answers with by path: the pointer to a document of titles, and that."""
    document = json.dumps({"version": version, "titles": list(titles)}).encode()
    pointer = {"version": "7", "url": "/d.json", "sha256": sha256(document).hexdigest()} | changes
    return {"/api/manifest": pointer, "/d.json": document}


def test_what_the_faulty_ones_below_differ_from_is_taken_in(redis: Redis) -> None:
    with answering(described(GOOD, {**GOOD, "id": "b"}, url="../d.json?x=1")) as url:
        assert manifest.refresh(url, unwatched)["titles"] == 2


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (described(GOOD, GOOD), "/d.json: the id a is that of more than one title"),
        (described(GOOD, version="8"), "/d.json: the document's version is not 7"),
        (described({**GOOD, "title": "a\nb"}), "/d.json: titles.0.title: "),
        (described({**GOOD, "kind": "../x"}), "/d.json: titles.0.kind: "),
        (described({**GOOD, "seconds": "1"}), "/d.json: titles.0.seconds: "),
        (described({}), "/d.json: titles.0.id: Field required"),
        (described(GOOD, url="//127.0.0.1:1/d.json"), "the document is on another host"),
        (described(GOOD, url="https://media.example.org/d.json"), "is on another host"),
        (described(GOOD, url="http://[/d.json"), "is on another host"),
        (described(GOOD, url="/a b"), "/api/manifest: url: "),
        (described(GOOD, version="7", sha256="x"), "/api/manifest: sha256: "),
        ({"/api/manifest": {}}, "/api/manifest: version: Field required"),
        ({"/api/manifest": b"[" * 60_000}, "/api/manifest: "),
        ({"/api/manifest": b"\xff"}, "/api/manifest: the answer: Invalid JSON"),
        ({"/api/manifest": b" " * 70_000}, "/api/manifest: the answer is longer than 65536"),
    ],
)
def test_what_the_simulated_platform_does_not_answer_is_a_sentence_too(
    redis: Redis, answers: dict[str, object], why: str
) -> None:
    with answering(answers) as url, pytest.raises(manifest.ManifestError) as caught:
        manifest.refresh(url, unwatched)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 300
    assert everything(redis) == {}


def test_what_passes_in_a_moment_is_waited_for(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    order(control, manifest={"kind": "429", "times": 1}, document={"kind": "half", "times": 1})
    assert refresh(platform)["changed"]


def test_a_platform_that_is_away_is_named_by_its_host(redis: Redis) -> None:
    where = f"127.0.0.1:{free_port()}"
    with pytest.raises(manifest.ManifestError, match=rf"no connection.*is {where} the platform\?"):
        manifest.refresh(f"http://{where}", unwatched)


def test_a_refresh_that_dies_leaves_the_old_version_and_what_expires(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    old = refresh(platform)["version"]
    new = publish(control)

    class Killed(BaseException):
        """What no handler of the work catches."""

    def die(fraction: float, message: str) -> None:
        if fraction > 0.7:
            (key,) = redis.keys(f"{manifest.STAGED}:*")
            assert 0 < redis.ttl(key) <= manifest.STAGED_FOR.total_seconds()
            raise Killed

    with pytest.raises(Killed):
        manifest.refresh(platform.url, die)
    assert manifest.current().built.version == old
    assert refresh(platform)["version"] == new


# Redis


def test_without_redis_there_is_an_answer_at_once_and_a_sentence_for_the_job(
    platform: Platform, secrets: Path
) -> None:
    cache.init(settings(free_port(), secrets))
    assert manifest.current() is manifest.Absent.AWAY
    assert manifest.document() is manifest.Absent.AWAY
    with pytest.raises(manifest.ManifestError, match=r"^Redis does not answer: "):
        refresh(platform)


def test_a_redis_that_is_full_keeps_the_old_version(
    platform: Platform, control: httpx.Client, redis: Redis
) -> None:
    old = refresh(platform)["version"]
    new = publish(control)
    limit = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(manifest.ManifestError, match=r"^Redis refuses: .*maxmemory"):
            refresh(platform)
        assert manifest.current().built.version == old
    finally:
        redis.config_set("maxmemory", limit)
    assert refresh(platform)["version"] == new


# The web


@pytest.fixture
def app(redis: Redis, broker: Broker, secrets: Path) -> Iterator[Flask]:
    """The real application; on the port of its database nothing listens."""
    made = create_app(
        settings(broker.port, secrets).model_copy(
            update={"database_host": "127.0.0.1", "database_port": free_port()}
        )
    )
    yield made
    made.extensions["engine"].dispose()


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_the_start_page_shows_version_and_age(
    app: Flask, platform: Platform, redis: Redis, role: str
) -> None:
    client = signed_in(app, person(role))
    assert "Manifest of the platform" not in client.get("/").text
    version = refresh(platform)["version"]
    text = re.sub(r"\s+", " ", client.get("/").text)
    assert f"<dt>Version</dt> <dd>{version}</dd>" in text
    assert re.search(r"<dt>Age</dt> <dd>\d+ seconds?</dd>", text)


def test_everybody_reads_the_manifest_and_an_administrator_has_it_refreshed(
    app: Flask, platform: Platform, redis: Redis
) -> None:
    version = refresh(platform)["version"]
    for role in ("viewer", "editor"):
        client = signed_in(app, person(role))
        assert client.get("/api/v1/manifest").get_json()["version"] == version
        assert client.post("/api/v1/manifest/refresh").status_code == 403
    # Let in: it is the database that is away.
    assert signed_in(app).post("/api/v1/manifest/refresh").status_code == 503


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_an_age_is_written_in_its_largest_unit(age: timedelta, words: str) -> None:
    assert landing._in_words(age) == words
