"""A background job from the request to its effect, through the real broker and worker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE

import pytest

from tests.stack import ROOT, Stack, wait_until

pytestmark = pytest.mark.stack


def submit(stack: Stack) -> str:
    """Ask for a rollup refresh; the path where its progress is read."""
    answer = stack.http.post("/api/v1/jobs", json={"kind": "rollups.refresh"})
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    return location[location.index("/api/") :]


def finished(stack: Stack, path: str) -> dict | None:
    job = stack.http.get(path).json()
    return job if job["state"] in ("succeeded", "failed") else None


def run(stack: Stack, deadline: float = 60) -> dict:
    """Submit a job and give it back when it has ended."""
    path = submit(stack)
    return wait_until(lambda: finished(stack, path), "the job ends", deadline)


def test_a_job_is_accepted_runs_on_the_worker_and_shows_its_progress(stack: Stack) -> None:
    job = run(stack)
    assert job["state"] == "succeeded", job
    assert job["progress"] == 1
    assert job["started_at"] <= job["finished_at"]


def test_the_shell_in_the_workers_container_starts_a_job_and_waits_for_it(stack: Stack) -> None:
    shell = ("exec", "-T", "worker", "python", "-m", "timestack.shell", "jobs")
    done = stack.compose(*shell, "submit", "jobs.probe", "seconds=1", "mark=shell", "--wait")
    assert done.returncode == 0, done.stderr
    assert "succeeded after" in done.stdout
    assert "mark=shell" in stack.compose(*shell).stdout
    wrong = stack.compose(*shell, "submit", "jobs.probe", "seconds=long")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)


def test_a_job_refreshes_the_rollup_that_the_page_reads(stack: Stack) -> None:
    stack.sql(
        "insert into readings(time, sensor_id, value)"
        " select '2014-02-01 10:00+00', min(id), 41.5 from sensors"
    )
    try:
        run(stack)
        rows = stack.sql(
            "select n, value_sum from readings_1d where bucket = '2014-02-01 00:00+00'"
        )
        assert rows == [("1", "41.5")]
    finally:
        stack.sql("delete from readings where time = '2014-02-01 10:00+00'")
        run(stack)
    assert stack.sql("select * from readings_1d where bucket = '2014-02-01 00:00+00'") == []


def test_nobody_but_the_admin_submits_a_job(stack: Stack) -> None:
    before = stack.sql("select count(*) from jobs")
    paths = ("", "/", "/x/..", ";x", "%2f", "?x=/api")
    doors = ("/api/v1/jobs", "//api/v1/jobs", "/api//v1/jobs", "/api/v1/./jobs", "/api/v1/%6Aobs")
    body = b'{"kind": "rollups.refresh"}'
    for path in (door + after for door in doors for after in paths):
        answer = stack.raw("POST", path, {"Content-Type": "application/json"}, body)
        assert answer.status in (301, 307, 308, 400, 401, 404, 405), (path, answer.status)
    assert stack.sql("select count(*) from jobs") == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"kind": "no.such"}', "application/json", 422),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"kind=rollups.refresh", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_bad_request_for_a_job_is_a_problem_that_says_what(
    stack: Stack, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    answer = stack.http.post("/api/v1/jobs", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]


# Notes each time that a job is finished, by any worker and however often.
WATCH = """
create table ended (id uuid, state text);
create function note_end() returns trigger language plpgsql security definer as
$$ begin insert into public.ended values (new.id, new.state); return null; end $$;
create trigger note_end after update of state on jobs for each row
  when (new.state in ('succeeded', 'failed')) execute function note_end();
"""
UNWATCH = "drop function if exists note_end cascade; drop table if exists ended"
WAITING = """
select count(*) from pg_stat_activity
 where application_name = 'timestack-worker' and wait_event_type = 'Lock'
"""


@contextmanager
def refreshes_held(stack: Stack) -> Iterator[None]:
    """Let every refresh wait in the middle of its work until the block ends."""
    psql = ("exec", "-T", "timescaledb", "psql", "-XAtq", "-d", "timestack")
    command = [*stack.compose_command_property, *psql]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as session:
        session.stdin.write("begin; lock table timestack.changes; select 'held';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "held\n"
        yield


def kill(stack: Stack, service: str) -> int:
    """Kill a container's main process with SIGKILL; its former id on this host.

    From the host: after `docker kill` the engine would not start the container again.
    """
    process = stack.inspect(service)["State"]["Pid"]
    os.kill(process, signal.SIGKILL)
    return process


def test_a_worker_and_a_broker_that_are_killed_come_back_and_lose_no_job(stack: Stack) -> None:
    stack.sql(WATCH)
    try:
        with refreshes_held(stack):
            paths = [submit(stack) for _ in range(3)]
            wait_until(lambda: stack.sql(WAITING) != [("0",)], "a worker is in the middle of a job")
            killed = {"worker": kill(stack, "worker")}
            paths += [submit(stack) for _ in range(2)]
            killed["redis"] = kill(stack, "redis")
            paths += [submit(stack) for _ in range(2)]
        # The sweeper, which comes once a minute, finds the job of the dead worker.
        for path in paths:
            wait_until(lambda path=path: finished(stack, path), "the job ends", deadline=240)
        ended = stack.sql("select id, state from ended")
    finally:
        stack.sql(UNWATCH)
    ids = {path.rpartition("/")[2] for path in paths}
    assert sorted(each for each in ended if each[0] in ids) == sorted(
        (id, "succeeded") for id in ids
    )
    for service, before in killed.items():
        assert stack.inspect(service)["State"]["Pid"] not in (0, before), service
    wait_until(stack.all_healthy, "the stack is healthy again")
