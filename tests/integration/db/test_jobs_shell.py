"""`make jobs` as the worker's container runs it: what it prints, and its exit status."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen
from uuid import UUID, uuid4

import pytest

from tests.integration.db.conftest import Database, fail
from tests.stack import free_port
from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import listing, schedules, steps
from timestack.shell.__main__ import main

pytestmark = pytest.mark.database

PROBE = "jobs.probe"


@pytest.fixture
def shell(environment, capsys: pytest.CaptureFixture):
    """Runs `make jobs ARGS=…`; gives the exit status, and what was printed to each stream."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(["jobs", *words])
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return run


def failed(reason: str = "it broke", **params) -> UUID:
    return fail(jobs.submit(PROBE, params).id, reason)


def job(id: UUID):
    with db.session() as session:
        return listing.get(session, id)


def test_alone_it_counts_and_lists(shell) -> None:
    assert shell()[:2] == (
        0,
        "0 running, 0 queued; in the last 24 hours 0 succeeded, 0 failed, 0 cancelled\n\n"
        "there are no jobs yet\n",
    )
    bad = failed("ValueError: two\nlines", mark="m")
    waiting = jobs.submit("usage.ingest", run_at=datetime.now(UTC) + timedelta(days=400)).id
    status, printed, _ = shell()
    heads, first, second = printed.splitlines()[2:]
    assert (status, heads.split()[:3]) == (0, ["job", "state", "kind"])
    assert first.split()[:3] == [str(waiting)[:8], "queued", "usage.ingest"]
    assert "not before " in first
    assert second.split()[:4] == [str(bad)[:8], "failed", PROBE, "mark=m"]
    assert second.endswith("ValueError: two lines")
    assert heads.index("what") == second.index("ValueError")


def test_a_list_is_filtered_cut_and_gone_on_with(shell) -> None:
    ids = [failed(mark=str(number)) for number in range(3)][::-1]
    jobs.submit(PROBE)

    def shown(*words: str) -> list[str]:
        status, printed, _ = shell("list", "--json", *words)
        assert status == 0
        return [each["id"] for each in json.loads(printed)]

    assert shown("--state", "failed", "--limit", "2") == [str(id) for id in ids[:2]]
    assert shown("--state", "failed", "--before", str(ids[1])) == [str(ids[2])]
    assert shown("--kind", "usage.ingest") == []
    assert shell("list", "--kind", "usage.ingest")[1] == "there is no such job\n"


def test_a_job_is_shown_by_the_first_digits_of_its_id(shell) -> None:
    id = failed(mark="m", seconds=1.5)
    status, printed, _ = shell("show", str(id)[:8])
    assert status == 0
    for text in (str(id), '"seconds": 1.5', "failed", "attempt 1 failed at", "it broke"):
        assert text in printed
    assert json.loads(shell("show", "--json", str(id))[1])["state"] == "failed"
    waiting = jobs.submit(PROBE, waits_for=id).id
    assert "waits for job" in shell("show", str(waiting))[1]


def test_a_job_is_submitted_with_parameters_as_its_kind_has_them(shell) -> None:
    later = "2030-01-31T12:00Z"
    words = ("submit", PROBE, "seconds=1.5", "mark=5", "--at", later, "--priority", "0")
    status, printed, _ = shell(*words)
    assert status == 0
    [made] = latest()
    assert made.params == {"seconds": 1.5, "mark": "5"}
    assert (made.priority, made.submitted_by) == (0, "shell")
    assert made.run_at == datetime(2030, 1, 31, 12, tzinfo=UTC)
    assert f"make jobs ARGS='show {str(made.id)[:8]}'" in printed
    shell("submit", PROBE, "--after", str(made.id)[:8])
    assert latest()[0].waits_for == made.id


def latest():
    with db.session() as session:
        return listing.latest(session)


@pytest.mark.parametrize(
    ("ending", "status", "says"), [("succeed", 0, "succeeded after"), ("fail", 1, "it broke")]
)
def test_a_job_is_waited_for_and_its_end_is_the_exit_status(
    environment: dict[str, str], ending: str, status: int, says: str
) -> None:
    command = [sys.executable, "-m", "timestack.shell", "jobs", "submit", PROBE, "--wait"]
    with Popen(command, env=environment, stdout=PIPE, stderr=PIPE, text=True) as shell:
        assert next(shell.stderr).endswith(f", {PROBE}\n")
        assert next(shell.stderr) == "0% waits for a free worker\n"
        [made] = latest()
        with db.session() as session:
            steps.claim(session, made.id)
            steps.progress(session, made.id, 0.5, "half of it")
        assert "50% half of it\n" in iter(shell.stderr.readline, "")
        with db.session() as session:
            if ending == "succeed":
                steps.succeed(session, made.id, {"rows": 3})
            else:
                steps.fail(session, made.id, "it broke", again=False)
        printed, _ = shell.communicate(timeout=300)
    assert shell.returncode == status
    assert says in printed


def test_jobs_are_cancelled_and_retried_each_by_itself(shell) -> None:
    first, second = jobs.submit(PROBE).id, jobs.submit(PROBE).id
    status, printed, err = shell("cancel", str(first), str(uuid4()), str(second))
    assert status == 1, "one of them is not there"
    assert printed.count("is cancelled") == 2
    assert "there is no job" in err
    assert {job(id).state for id in (first, second)} == {"cancelled"}
    assert shell("retry", str(first))[0] == 0
    assert job(first).state == "queued"
    status, _, err = shell("retry", str(first))
    assert (status, "is queued" in err) == (1, True)


def test_a_kind_is_paused_and_resumed(shell) -> None:
    assert shell("pause", PROBE)[:2] == (0, f"{PROBE} is paused\n")
    lines = {line.split()[0]: line for line in shell("kinds")[1].splitlines()}
    assert lines[PROBE].split()[1] == "paused"
    assert "[seconds=NUMBER]" in lines[PROBE]
    assert shell("resume", PROBE)[0] == 0
    kinds = json.loads(shell("kinds", "--json")[1])
    assert not any(each["paused"] for each in kinds)


def test_the_schedules_are_listed(shell) -> None:
    with db.session() as session:
        every = [schedules.Schedule("probe", PROBE, "0 4 * * *", "Europe/Berlin")]
        schedules.settle(session, every)
    assert "0 4 * * * Europe/Berlin" in shell("schedules")[1]
    assert json.loads(shell("schedules", "--json")[1])[0]["last_at"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["list", "--state", "lost"], "use one of queued"),
        (["list", "--limit", "0"], "use 1 to"),
        (["list", "--limit", "x"], "invalid"),
        (["show", "xyz"], "is not the id of a job"),
        (["show", "abc"], "is not the id of a job"),
        (["submit", "no.such"], "jobs.probe"),
        (["submit", PROBE, "seconds"], "NAME=VALUE"),
        (["submit", PROBE, "seconds=long"], "seconds: "),
        (["submit", PROBE, "other=1"], "other: "),
        (["submit", PROBE, f"mark={'x' * 20_000}"], "bytes"),
        (["submit", PROBE, "--at", "2030-01-31"], "with its zone"),
        (["submit", PROBE, "--priority", "10"], "invalid choice"),
        (["pause", "no.such"], "jobs.probe"),
        (["cancel"], "required"),
        (["dance"], "invalid choice"),
    ],
)
def test_what_is_typed_wrong_is_refused_with_status_2(shell, words: list[str], says: str) -> None:
    status, printed, err = shell(*words)
    assert (status, printed) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert latest() == []


def test_a_job_that_is_not_there_is_status_1(shell) -> None:
    status, _, err = shell("show", str(uuid4()))
    assert (status, "there is no job" in err) == (1, True)


def test_digits_that_several_ids_begin_with_are_refused(shell, provisioned: Database) -> None:
    for last in "12":
        jobs.submit(PROBE, id=UUID(f"abcdef00-0000-0000-0000-00000000000{last}"))
    status, _, err = shell("show", "abcdef00")
    assert (status, "several" in err) == (2, True)


def test_without_the_database_it_says_so(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PORT", str(free_port()))
    status, printed, err = shell()
    assert (status, printed) == (1, "")
    assert err == "the database does not answer: `make ps` shows whether it runs\n"


def test_without_redis_a_job_is_accepted_all_the_same(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timestack.queue.send", lambda *_, **__: False)
    assert shell("submit", PROBE)[0] == 0
    assert latest()[0].sent_at is None


def test_settings_that_are_wrong_are_named(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PORT", "none")
    status, _, err = shell()
    assert (status, "DATABASE_PORT" in err) == (1, True)
