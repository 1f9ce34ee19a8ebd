"""`make move` to Debian's next suite and back, refused, and killed on its way."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.checkout import Checkout
from tests.stack import docker, wait_until

pytestmark = pytest.mark.stack

PROJECT = f"timestack-move-{os.getpid()}"
# What a move does to the name of the database's image is nobody else's affair.
TAG = f"move-{os.getpid()}"
EMAIL = "writer@example.org"
# Of the time that a move gives to what is open.
HELD = 5
FILL = """
insert into sensors (type, location, name, unit)
select 'temperature', 'cellar', 'wall ' || n, '°C' from generate_series(1, 5) as n;
insert into readings (time, sensor_id, value)
select t, s, 0.1 * extract(epoch from t) / 3600
  from generate_series(timestamptz '2024-01-01', '2026-01-01', '1 hour') as t,
       generate_series(2, 5) as s;
insert into usage (day, account, project, ingested_seconds) values ('2026-01-01', 'a', 'p', 0.1);
update users set must_change_password = false;
"""


class Moving(Checkout):
    """A stack whose database is moved."""

    tag, token = TAG, ""

    def rows(self) -> str:
        """Count and hash of what was there before anybody wrote."""
        return self.sql(
            "select count(*), sum(hashtextextended(r::text, 0)) from readings r where sensor_id > 1"
        )

    def volumes(self) -> set[str]:
        return set(docker("volume", "ls", "-q", "--filter", f"name=^{PROJECT}_timescaledb").split())

    def send(self, client: httpx.Client, number: int) -> httpx.Response:
        """Write one row, of the sensor 1."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(number))
        return client.post(
            "/api/v1/readings",
            content=f"time,sensor_id,value\n{when},1,{number}\n",
            headers={"Content-Type": "text/csv", "Authorization": f"Bearer {self.token}"},
        )

    @contextmanager
    def watched(self) -> Iterator[tuple[set[int], list[int], set[str]]]:
        """Meanwhile write and read; gives the rows that were acknowledged, failed reads, answers.

        Some are written by transactions that stay open for HELD seconds, one after the other.
        What nobody answers is neither: a row of which it is not known is not acknowledged.
        """
        written, unread, said, over = set(), [], set(), threading.Event()

        def work() -> None:
            number = 1_600_000_000
            with self.client() as client:
                while not over.wait(0.2):
                    number += 1
                    for ask in (self.send, self.read):
                        try:
                            answer = ask(client, number)
                        except httpx.HTTPError:
                            continue
                        if ask == self.send and answer.status_code < 300:
                            written.add(number)
                        elif ask == self.send:
                            said.add(answer.json()["detail"])
                        elif answer.status_code != 200:
                            unread.append(number)

        def hold() -> None:
            number = 1_700_000_000
            while not over.wait(0.2):
                number += 1
                insert = f"insert into readings values (to_timestamp({number}), 1, {number})"
                held = f"begin; {insert}; select pg_sleep({HELD}); commit;"
                if self.make("psql", "ARGS=-v ON_ERROR_STOP=1", stdin=held).returncode == 0:
                    written.add(number)

        threads = [threading.Thread(target=each) for each in (work, hold)]
        for thread in threads:
            thread.start()
        try:
            yield written, unread, said
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def read(self, client: httpx.Client, number: int) -> httpx.Response:
        return client.get("/api/v1/sensors", headers={"Authorization": f"Bearer {self.token}"})


@pytest.fixture(scope="module")
def stack() -> Iterator[Moving]:
    with tempfile.TemporaryDirectory(prefix="timestack-move-", ignore_cleanup_errors=True) as name:
        made = Moving(Path(name), PROJECT, SEED="no")
        done = made.make("up")
        assert done.returncode == 0, done.stderr
        made.make("user", f"EMAIL={EMAIL}", "ROLE=editor")
        made.sql(FILL)
        token = made.make("token", f"EMAIL={EMAIL}", "NAME=x", "ROLE=write")
        made.token = token.stdout.strip().splitlines()[-1]
        yield made
        made.make("move", CONFIRM="yes")
        made.make("clean", FORCE="yes", BACKUPS="delete")
        for name in made.volumes():
            docker("volume", "rm", name)
        listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"timestack/*:{TAG}")
        docker("rmi", *listed.split())


@pytest.mark.parametrize(
    ("statement", "undo", "words", "said"),
    [
        ("select 1", "select 1", ["TO="], "needs TO"),
        ("select 1", "select 1", ["TO=trixie"], "is empty already"),
        ("select 1", "select 1", ["TO=forky", "DB_VOLUME=another"], "wins over .env"),
        (
            "begin; create table held (n int); prepare transaction 'mine'",
            "rollback prepared 'mine'",
            ["TO=forky"],
            "transactions that are prepared and not ended: mine",
        ),
        (
            "create table public.notes (note text); create extension pg_trgm",
            "drop table public.notes; drop extension pg_trgm",
            ["TO=forky"],
            "table public.notes: is in the database and not declared",
        ),
    ],
    ids=["nowhere", "where it is", "the shell", "prepared", "undeclared"],
)
def test_what_stands_against_a_move_is_named_and_nothing_is_changed(
    stack: Moving, statement: str, undo: str, words: list[str], said: str
) -> None:
    before = stack.rows(), stack.volumes()
    stack.sql(statement)
    done = stack.make("move", *words)
    stack.sql(undo)
    assert done.returncode != 0
    assert said in done.stderr
    assert "nothing was changed" in done.stderr
    assert (stack.rows(), stack.volumes()) == before


def test_no_job_that_runs_for_long_is_stopped(stack: Moving) -> None:
    submitted = stack.make("jobs", "ARGS=submit jobs.probe seconds=60")
    assert submitted.returncode == 0, submitted.stderr
    aged = "update jobs set started_at = now() - interval '1 h' where state = 'running' returning 1"
    wait_until(lambda: stack.sql(f"with aged as ({aged}) select * from aged"), "it runs")
    done = stack.make("move", "TO=forky")
    assert done.returncode != 0
    assert "jobs.probe runs since" in done.stderr
    running = "select count(*) from jobs where state = 'running'"
    wait_until(lambda: stack.sql(running) == "0", "it has ended", deadline=120)


@pytest.mark.parametrize("phase", ["new cluster", "writers", "copy", "compare"])
def test_a_move_that_is_killed_changes_nothing(stack: Moving, phase: str) -> None:
    before = stack.rows(), (stack.folder / ".env").read_text()
    assert f"{phase} …" in stack.killed_at(phase, "move", "TO=forky")
    done = stack.make("up")
    assert done.returncode == 0, done.stderr
    assert (stack.rows(), (stack.folder / ".env").read_text()) == before
    with stack.client() as client:
        wait_until(lambda: stack.send(client, 1_500_000_000).status_code == 200, "it is written")


def test_it_moves_there_and_back_and_loses_nothing(stack: Moving, record_property) -> None:
    before = stack.rows()
    stack.sql("create table public.notes (note text); insert into notes values ('kept')")
    with stack.watched() as (written, unread, said):
        there = stack.make("move", "TO=forky", "ALSO=notes")
        assert there.returncode == 0, there.stderr
        middle = len(written)
        assert stack.sql("show server_version").startswith("18")
        assert stack.make("drift").returncode == 0
        older = stack.make("move", "TO=trixie", "ALSO=notes")
        back = stack.make("move", "TO=trixie", "ALSO=notes", "OLDER=yes")
        assert back.returncode == 0, back.stderr
        more = len(written)
        wait_until(lambda: len(written) > more, "it is written again")
    record_property("shown", f"{there.stdout}\n{back.stdout}\nreads refused: {len(unread)}")
    assert "is older than" in older.stderr
    assert stack.sql("show server_version").startswith("17")
    assert stack.sql("select note from notes") == "kept"
    assert stack.rows() == before
    there_now = set(map(int, stack.sql("select value from readings where sensor_id = 1").split()))
    assert 0 < middle < len(written)
    assert written <= there_now
    assert any("is being moved" in each for each in said)


def test_the_old_volume_is_there_to_go_back_to_until_it_is_deleted(stack: Moving) -> None:
    kept = stack.volumes()
    done = stack.make("move", "BACK=yes")
    assert done.returncode != 0, "without a terminal nobody is asked"
    done = stack.make("move", "BACK=yes", FORCE="yes")
    assert done.returncode == 0, done.stderr
    assert stack.sql("show server_version").startswith("18")
    assert stack.volumes() == kept
    done = stack.make("move", CONFIRM="yes")
    assert done.returncode == 0, done.stderr
    assert len(stack.volumes()) < len(kept)
    assert stack.rows()
