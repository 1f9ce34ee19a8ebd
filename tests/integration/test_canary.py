"""Secrets of known values, every feature run, and then a search wherever a secret could have got.

A reader of logs, containers, images, answers, the database, the broker or pgAdmin's volume must
find none of them: neither as it is, nor quoted for a URL, nor in base64 (by itself or as a part of
``user:password``). Each search is first shown something planted, to prove that it finds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from subprocess import DEVNULL, Popen
from urllib.parse import quote

import httpx
import pytest

from tests.canaries import TAIL, Aviary, canary, histories, inspected, search, search_answers
from tests.features import use
from tests.stack import ADMIN_EMAIL, docker, wait_until
from timestack.shared.roles import BY_NAME

pytestmark = pytest.mark.stack

# Answers that carry our proof would hand it to a browser.
PROOFS = ("x-pgadmin-webserver-secret", "authorization")


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    """A stack with canaries, after every feature of it has been used and failed."""
    with Aviary(tmp_path_factory.mktemp("aviary")) as running:
        over = threading.Event()
        watcher = threading.Thread(target=running.watch_commands, args=(over,))
        watcher.start()
        try:
            use(running)
        finally:
            over.set()
            watcher.join()
        yield running


# The search finds what is there


@pytest.mark.parametrize("before", ["", "u:", "user:", "traefik:"])
def test_the_search_knows_each_spelling(before: str) -> None:
    secret = canary("planted", TAIL)
    whole = before + secret
    for text in (whole, quote(whole), json.dumps(whole), whole.encode().hex(), repr(whole)):
        assert search({"x": f"…{text}…".encode()}, {"planted": secret}), text
    for encode in (b64encode, urlsafe_b64encode):
        assert search({"x": b"Basic " + encode(whole.encode())}, {"planted": secret})
        assert search({"x": b"cut short: " + encode(whole.encode())[:90]}, {"planted": secret})
    assert not search({"x": canary("planted").encode()}, {"planted": secret})


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    return {"planted": canary("planted", TAIL)}


def test_the_search_finds_what_is_planted_in_a_log(aviary: Aviary, planted: dict[str, str]) -> None:
    secret = quote(planted["planted"], safe="")
    assert not search(aviary.all_logs(), planted)
    container = aviary.inspect("worker")["Id"]
    docker("exec", container, "sh", "-c", f"echo redis://:{secret}@x > /proc/1/fd/1")
    (where,) = wait_until(lambda: search(aviary.all_logs(), planted), "the log has the line")[:1]
    assert "in the log of worker" in where


def test_the_search_finds_what_is_planted_in_a_container_and_an_image(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    source = aviary.inspect("redis")["Id"]
    image = docker("commit", "-m", secret, "-c", f"ENV X={secret}", source).strip()
    container = docker("create", "--label", f"x={secret}", image).strip()
    try:
        assert search(inspected([container], "container"), planted)
        assert search(inspected([image], "image"), planted)
        assert search(histories([image]), planted)
    finally:
        docker("rm", container)
        docker("rmi", image)


def test_the_search_finds_what_is_planted_in_a_process(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    into = ["docker", "exec"]
    container = aviary.inspect("worker")["Id"]
    for where, command in (
        ("environ of worker", [*into, "-e", f"X={secret}", container, "sleep", "600"]),
        ("cmdline of worker", [*into, container, "sh", "-c", f"sleep 600; : {secret}"]),
    ):
        with Popen(command, stdout=DEVNULL, stderr=DEVNULL):
            found = wait_until(lambda: search(aviary.processes(), planted), where)
            assert where in found[0]
            for pid in {int(re.search(r": (\d+): …", each)[1]) for each in found}:
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not search(aviary.processes(), planted), "the process is gone")


def test_the_search_finds_what_is_planted_in_the_database_redis_and_a_volume(
    aviary: Aviary, planted: dict[str, str]
) -> None:
    secret = planted["planted"]
    pair = b64encode(f"traefik:{secret}".encode()).decode()
    aviary.sql(f"create table planted as select 'Basic {pair}' as it")
    code = (
        "import sys, redis; from timestack.settings import Settings as S;"
        " base = redis.Redis.from_url(S.load(needs=['redis_password']).redis_url(3));"
        " base.hset('planted', 'x', sys.argv[2]) if sys.argv[1] == 'put' else base.flushdb()"
    )
    into_redis = ("worker", "python", "-c", code)
    into_volume = ("pgadmin", "sh", "-c")
    assert aviary.exec(*into_redis, "put", secret).returncode == 0
    file = "/var/lib/pgadmin/planted"
    assert aviary.exec(*into_volume, f"echo '{secret}' > {file}").returncode == 0
    try:
        assert search(aviary.database(), planted)
        assert search(aviary.redis(), planted)
        assert search(aviary.volume("pgadmin", "/var/lib/pgadmin"), planted)
    finally:
        aviary.sql("drop table planted")
        aviary.exec(*into_redis, "forget", "")
        aviary.exec(*into_volume, f"rm {file}")


def test_the_search_finds_what_is_planted_in_an_answer(planted: dict[str, str]) -> None:
    secret = planted["planted"]
    request = httpx.Request("GET", "https://localhost/x")
    for answer in (
        httpx.Response(200, text=f"<b>{secret}</b>", request=request),
        httpx.Response(302, headers={"Location": f"/y?z={quote(secret)}"}, request=request),
    ):
        assert search_answers([answer], planted)
    cookie = httpx.Response(200, headers={"Set-Cookie": secret}, request=request)
    assert not search_answers([cookie], planted)


# And there is nothing


def test_no_canary_is_in_a_log(aviary: Aviary) -> None:
    logs = aviary.all_logs()
    assert all(logs.values()), "every service has logged something"
    assert not search(logs, aviary.canaries)
    # Nor what the database keeps of a password.
    assert not [place for place, text in logs.items() if b"$argon2" in text]


def test_no_canary_is_in_a_container_or_an_image(aviary: Aviary) -> None:
    containers = aviary.inspect_all()
    ours = docker("images", "--filter", "reference=timestack/*", "--format", "{{.ID}}").split()
    images = sorted({*ours, *(each["Image"] for each in containers)})
    places = {
        **inspected([each["Id"] for each in containers], "container"),
        **inspected(images, "image"),
        **histories(images),
    }
    assert not search(places, aviary.canaries)


def test_no_canary_is_on_a_command_line_or_in_an_environment(aviary: Aviary) -> None:
    processes = aviary.processes()
    assert len({place.split(":")[0] for place in processes}) >= 2 * 9
    assert b"PATH=" in b"".join(processes.values())
    assert not search(processes, aviary.canaries)
    assert len(aviary.commands) > len(processes) // 2, "health checks were seen, too"
    assert not search({"a command line": b"\n".join(aviary.commands)}, aviary.canaries)


def test_no_canary_is_in_an_answer(aviary: Aviary) -> None:
    seen = {answer.status_code for answer in aviary.answers}
    assert {200, 302, 400, 401, 404, 500, 503} <= seen, seen
    # A form shows the address that it was sent, whatever that is.
    canaries = {name: text for name, text in aviary.canaries.items() if name != "as mail"}
    assert not search_answers(aviary.answers, canaries)
    for answer in aviary.answers:
        assert not set(PROOFS) & set(answer.headers), answer.request.url
        assert b"$argon2" not in answer.content, answer.request.url


def test_no_canary_is_in_the_database(aviary: Aviary) -> None:
    assert not search(aviary.database(), aviary.canaries)
    kept = aviary.sql(
        "select rolname, split_part(rolpassword, '$', 1) from pg_authid where rolcanlogin"
        " and rolpassword is not null order by 1"
    )
    assert [role for role, _ in kept] == sorted(BY_NAME)
    assert {verifier for _, verifier in kept} == {"SCRAM-SHA-256"}
    data = aviary.volume("timescaledb", "/var/lib/postgresql")
    assert not search(data, aviary.canaries)


def test_no_canary_is_in_redis(aviary: Aviary) -> None:
    redis = aviary.redis()
    assert b"_kombu" in redis["Redis"], "the broker's keys are in it"
    assert not search(redis, aviary.canaries)
    # Its files keep what was deleted, until it rewrites them.
    assert not search(aviary.volume("redis", "/var/lib/redis"), aviary.canaries)


def test_no_canary_is_on_pgadmins_volume(aviary: Aviary) -> None:
    volume = aviary.volume("pgadmin", "/var/lib/pgadmin")
    assert b"SQLite format 3" in volume["pgadmin's volume"]
    assert ADMIN_EMAIL.encode() in volume["pgadmin's volume"]
    assert not search(volume, aviary.canaries)
