"""`make restore`, `make drill` and `make recover`, run as a reader runs them, on the seed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.host import drill
from scripts.host.compose import image
from tests.checkout import Checkout
from tests.stack import docker, wait_until

pytestmark = pytest.mark.stack

PROJECT = f"timestack-restore-{os.getpid()}"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    # Not among pytest's folders: whenever this user starts pytest, it closes those to all others.
    with tempfile.TemporaryDirectory(prefix="timestack-restore-", ignore_cleanup_errors=True) as it:
        yield Path(it)


@pytest.fixture(scope="module")
def checkout(place: Path) -> Iterator[Checkout]:
    """A seeded stack with one backup."""
    (place / "first").mkdir()
    made = Checkout(place / "first", PROJECT)
    done = made.make("up")
    assert done.returncode == 0, done.stdout + done.stderr
    # The stack takes its first one by itself, and only one is taken at a time.
    wait_until(lambda: made.make("backup").returncode == 0, "there is a backup", 120)
    yield made
    made.make("clean", FORCE="yes", BACKUPS="delete")


def ask(checkout: Checkout, statement: str) -> str:
    done = checkout.make("psql", stdin=f"copy ({statement}) to stdout;")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def newest(checkout: Checkout) -> dict:
    return json.loads(checkout.make("backups", ARGS="--json").stdout)["backups"][-1]


def volumes(project: str) -> set[str]:
    return set(docker("volume", "ls", "-q", "--filter", f"name=^{project}_timescaledb").split())


def test_what_cannot_be_restored_to_is_refused_and_nothing_is_changed(checkout: Checkout) -> None:
    before = checkout.containers
    for to, said in {
        "2026-11-25 10:00:00": "without its zone",
        "2001-01-01 00:00+00": "before the first backup ended",
        "20010101-000000F": "is not a backup in the repository",
    }.items():
        done = checkout.make("restore", TO=to, FORCE="yes")
        assert done.returncode != 0
        assert said in done.stderr
        assert "nothing was changed" in done.stderr
    key = checkout.folder / ".secrets" / "backup_key"
    right = key.read_text()
    key.unlink()
    key.write_text("not-the-one-that-the-backups-were-made-with\n")
    key.chmod(0o444)
    done = checkout.make("restore", FORCE="yes")
    key.unlink()
    key.write_text(right)
    key.chmod(0o444)
    assert "does not open the repository" in done.stderr
    assert "nothing was changed" in done.stderr
    # Without a terminal nobody can say yes.
    assert "nothing was changed" in checkout.make("restore").stderr
    assert checkout.containers == before
    assert volumes(PROJECT) == {f"{PROJECT}_timescaledb-data"}


def test_a_drill_finds_the_copy_the_same_and_leaves_nothing_behind(checkout: Checkout) -> None:
    done = checkout.make("drill")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERENT" not in done.stdout
    assert "RTO" in done.stdout
    drilled = ask(
        checkout, "select outcome, tables > 40, rows > 400000, rto_seconds > 0 from drills"
    )
    assert drilled == "same\tt\tt\tt"
    assert docker("ps", "-aq", "--filter", f"label=org.timestack.drill={PROJECT}") == ""
    assert volumes(PROJECT) == {f"{PROJECT}_timescaledb-data"}
    assert f"{PROJECT}_drill" not in docker("volume", "ls", "-q").split()


def test_a_drill_finds_one_row_that_is_not_the_same(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = drill._copy

    def changed(*arguments) -> str:
        name = made(*arguments)
        change = "update finances set q1 = q1 + 0.01 where id = (select min(id) from finances)"
        docker("exec", name, "psql", "-U", "postgres", "-d", "timestack", "-c", change)
        return name

    monkeypatch.setattr(drill, "_copy", changed)
    assert drill.drill(checkout.folder) == 1
    said = capsys.readouterr()
    assert "public.finances has other values in the copy" in said.err
    assert said.out.count("DIFFERENT") == 1
    last = "select outcome, faults ->> 0 from drills order by id desc limit 1"
    assert ask(checkout, last).startswith("different\tpublic.finances has other values")
    told = "select count(*) from jobs where kind = 'notify.send' and params ->> 'event' = 'drill'"
    assert ask(checkout, told) == "1"


def test_a_deleted_row_comes_back_though_the_first_try_was_killed(checkout: Checkout) -> None:
    count = "select count(*) from finances"
    before, moment = ask(checkout, count), ask(checkout, "select clock_timestamp()")
    checkout.make("psql", stdin="delete from finances;")
    assert ask(checkout, count) == "0"
    said = checkout.killed_at("recover", "restore", TO=moment, FORCE="yes")
    assert "✓ restore" in said
    # Nobody noticed, and what it left is known.
    assert ask(checkout, count) == "0"
    (half,) = volumes(PROJECT) - {f"{PROJECT}_timescaledb-data"}
    done = checkout.make("restore", TO=moment, FORCE="yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ask(checkout, count) == before
    assert "no difference" in done.stdout
    (new,) = volumes(PROJECT) - {f"{PROJECT}_timescaledb-data"}
    assert new != half
    assert f"DB_VOLUME={new}" in (checkout.folder / ".env").read_text()
    assert ask(checkout, "select timeline_id from pg_control_checkpoint()") == "2"
    wait_until(lambda: newest(checkout)["last"].startswith("00000002"), "it is backed up", 60)
    done = checkout.make("restore", CONFIRM="yes", FORCE="yes")
    assert done.returncode == 0, done.stderr
    assert volumes(PROJECT) == {new}


def test_a_bare_host_gets_the_same_stack_of_the_repository_and_two_files(
    checkout: Checkout, place: Path
) -> None:
    before = ask(checkout, "select count(*), sum(hashtext(u::text)) from usage as u")
    assert checkout.make("down").returncode == 0
    repository, clone = place / "repository", place / "second"
    for each in (repository, clone):
        each.mkdir()
    own = ("--user", "0:0", "--entrypoint", "sh", image("timescaledb"), "-c")
    source = ("-v", f"{PROJECT}_backups:/from:ro", "-v", f"{repository}:/to")
    docker("run", "--rm", *source, *own, "cp -a /from/. /to/")
    second = Checkout(clone, f"{PROJECT}-again")
    settings = (second.folder / ".env").rename(place / "settings.env")
    key = (checkout.folder / ".secrets" / "backup_key").rename(place / "key")
    files = {"FROM": str(repository), "KEY": str(key), "SETTINGS": str(settings)}
    try:
        done = second.make("recover", FORCE="yes", **files)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "no difference" in done.stdout
        assert "public.readings" in done.stdout
        assert ask(second, "select count(*), sum(hashtext(u::text)) from usage as u") == before
        assert second.get("/health/ready").status_code == 200
        done = second.make("recover", FORCE="yes", **files)
        assert "this project has a database already" in done.stderr
        # It goes on with the repository that it came from.
        wait_until(lambda: second.make("backup").returncode == 0, "it is backed up", 60)
    finally:
        second.make("clean", FORCE="yes", BACKUPS="delete")
        docker("run", "--rm", "-v", f"{repository}:/to", *own, "rm -rf /to/*")
        key.rename(checkout.folder / ".secrets" / "backup_key")
