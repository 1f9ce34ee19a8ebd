"""Background jobs on a real database and broker: no job lost, none done twice, none stuck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database
from tests.stack import ROOT, free_port, wait_until
from timestack import db, queue
from timestack.domains import jobs
from timestack.domains.jobs import (
    control,
    dispatch,
    kinds,
    listing,
    pruning,
    requests,
    schedules,
    steps,
)
from timestack.models.jobs import FINISHED, Job

pytestmark = pytest.mark.database

KIND = "rollups.refresh"


def state(id: UUID) -> tuple[str, float, str]:
    with db.session() as session:
        job = listing.get(session, id)
        return job.state, job.progress, job.message


def age(database: Database, id: UUID, minutes: int = 5) -> None:
    database.sql(
        f"update jobs set sent_at = sent_at - interval '{minutes} minutes' where id = '{id}'"
    )


# The row is the truth


def test_a_job_is_queued_in_the_table_and_in_the_broker(environment) -> None:
    job = jobs.submit(KIND, request_id="abc-123-def")
    assert state(job.id) == ("queued", 0, "")
    assert queue.messages(queue.SHORT) == 1


def test_the_same_id_is_one_job(environment) -> None:
    id = uuid4()
    assert jobs.submit(KIND, id=id).id == jobs.submit(KIND, id=id).id == id
    assert queue.messages(queue.SHORT) == 1


def test_an_unknown_kind_is_refused_with_the_known_ones(environment) -> None:
    with pytest.raises(kinds.UnknownKindError, match=KIND):
        jobs.submit("rm -rf")


def test_a_job_goes_its_way_once(environment) -> None:
    id = jobs.submit(KIND).id
    with db.session() as session:
        assert not steps.succeed(session, id, {})
        assert steps.claim(session, id)
        assert steps.progress(session, id, 0.5, "half")
        assert steps.succeed(session, id, {"rows": 3})
        assert not steps.fail(session, id, "too late")
        assert not steps.claim(session, id)
    assert state(id) == ("succeeded", 1, "")


def test_progress_never_goes_back_and_stays_between_0_and_1(environment) -> None:
    id = jobs.submit(KIND).id
    with db.session() as session:
        steps.claim(session, id)
        for fraction, expected in ((0.5, 0.5), (0.2, 0.5), (7.0, 1.0)):
            steps.progress(session, id, fraction, "")
            assert session.scalar(select(Job.progress)) == expected


def test_the_lock_of_a_job_is_held_by_one_connection_and_ends_with_it(
    environment, provisioned
) -> None:
    engine = provisioned.engine("app")
    with Session(engine.connect()) as first, Session(engine.connect()) as second:
        assert steps.lock(first, "a job")
        assert not steps.lock(second, "a job")
        assert steps.lock(second, "another")
        first.connection().invalidate()
        wait_until(lambda: steps.lock(second, "a job"), "the lock is free")
    engine.dispose()


def test_a_job_is_made_in_the_transaction_of_its_caller_or_not_at_all(environment) -> None:
    with db.session() as session:
        jobs.add(session, KIND)
        session.rollback()
    assert dispatch.due() == 0
    with db.session() as session:
        id = jobs.add(session, KIND).id
    assert queue.messages(queue.SHORT) == 0
    assert dispatch.due() == 1
    assert dispatch.due() == 0, "it has its message now"
    assert queue.messages(queue.SHORT) == 1
    assert state(id)[0] == "queued"


# What is asked for


def test_parameters_are_checked_and_kept_in_the_row(environment) -> None:
    job = jobs.submit("jobs.probe", {"seconds": 2, "mark": "m"})
    assert job.params == {"seconds": 2.0, "mark": "m"}
    with pytest.raises(requests.ParamsError, match="seconds"):
        jobs.submit("jobs.probe", {"seconds": "long"})
    with pytest.raises(requests.ParamsError, match="unknown"):
        jobs.submit(KIND, {"unknown": 1})
    with pytest.raises(requests.TooLargeError, match=str(requests.LARGEST_PARAMS)):
        jobs.submit("jobs.probe", {"mark": "x" * requests.LARGEST_PARAMS})
    assert queue.messages(queue.SHORT) == 1


def test_an_id_of_another_request_is_a_conflict(environment) -> None:
    id = jobs.submit("jobs.probe", {"mark": "a"}, id=uuid4()).id
    with pytest.raises(requests.ConflictError, match=str(id)):
        jobs.submit("jobs.probe", {"mark": "b"}, id=id)
    with pytest.raises(requests.ConflictError, match=str(id)):
        jobs.submit(KIND, id=id)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch):
    """Changes the rules of the probe."""

    def change(**changes) -> None:
        probe = replace(kinds.KINDS["jobs.probe"], **changes)
        monkeypatch.setitem(kinds.KINDS, "jobs.probe", probe)

    return change


def test_a_unique_job_is_one_while_it_is_unfinished(environment, rules) -> None:
    rules(unique=kinds.UNFINISHED)
    with ThreadPoolExecutor(8) as pool:
        first = {job.id for job in pool.map(lambda _: jobs.submit("jobs.probe"), range(16))}
    assert len(first) == 1
    assert queue.messages(queue.SHORT) == 1
    assert jobs.submit("jobs.probe", {"mark": "another"}).id not in first
    finish(*first)
    assert jobs.submit("jobs.probe").id not in first


def test_a_unique_job_is_one_within_its_window_even_when_it_has_ended(environment, rules) -> None:
    rules(unique=timedelta(days=365_000))
    first = jobs.submit("jobs.probe").id
    finish(first)
    assert jobs.submit("jobs.probe").id == first
    assert jobs.submit("jobs.probe", {"mark": "another"}).id != first


def finish(id: UUID, ending: str = "succeed") -> None:
    """Let a job end without a worker."""
    with db.session() as session:
        assert steps.claim(session, id)
        if ending == "succeed":
            steps.succeed(session, id, None)
        else:
            steps.fail(session, id, "it broke", again=False)
            # That people are told is another test's matter.
            session.execute(delete(Job).where(Job.kind == "notify.send"))


def test_the_most_urgent_is_sent_first_and_what_is_not_due_is_not(environment) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with db.session() as session:
        for mark, priority in (("usual", 5), ("last", 9), ("first", 0)):
            jobs.add(session, "jobs.probe", {"mark": mark}, priority=priority)
        jobs.add(session, "jobs.probe", {"mark": "later"}, run_at=later)
    sent: list[str] = []
    original = queue.send
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            queue, "send", lambda *a, **k: sent.append(a[1]) is None and original(*a, **k)
        )
        assert dispatch.due() == 3
    with db.session() as session:
        marks = [listing.get(session, UUID(id)).params["mark"] for id in sent]
    assert marks == ["first", "usual", "last"]


def test_a_job_waits_for_another_to_succeed_and_is_cancelled_if_it_does_not(environment) -> None:
    for ending, expected in (("succeed", "queued"), ("fail", "cancelled")):
        first = jobs.submit("jobs.probe").id
        second = jobs.submit("jobs.probe", waits_for=first).id
        with db.session() as session:
            assert steps.claim(session, second) is None
        assert dispatch.due() == 0
        finish(first, ending)
        dispatch.sweep()
        assert state(second)[0] == expected
        assert dispatch.due() == (1 if expected == "queued" else 0)
    assert "waited for failed" in state(second)[2]
    with pytest.raises(requests.ConflictError, match="no job"):
        jobs.submit("jobs.probe", waits_for=uuid4())


# Attempts


def test_a_failed_attempt_is_made_again_later_until_there_is_none_left(
    environment, provisioned
) -> None:
    id = jobs.submit("jobs.probe").id
    for attempt in (1, 2, 3):
        with db.session() as session:
            assert steps.claim(session, id).attempts == attempt
            assert steps.fail(session, id, f"reason {attempt}")
            job = listing.get(session, id)
            assert job.errors[-1]["error"] == f"reason {attempt}"
            assert job.errors[-1]["attempt"] == attempt
        with db.session() as session:
            assert steps.claim(session, id) is None, "not due"
        if attempt < 3:
            assert job.state == "queued"
            assert job.run_at > datetime.now(UTC)
            assert dispatch.due() == 0
            provisioned.sql(f"update jobs set run_at = now() where id = '{id}'")
            assert dispatch.due() == 1
    assert state(id) == ("failed", 0, "reason 3")
    assert len(job.errors) == 3


def test_a_failed_job_is_retried_with_all_its_attempts_and_keeps_its_errors(environment) -> None:
    id = jobs.submit("jobs.probe").id
    finish(id, "fail")
    with db.session() as session:
        assert control.retry(session, id).state == "queued"
    assert dispatch.due() == 1
    for _ in range(3):
        with db.session() as session:
            assert steps.claim(session, id)
            steps.requeue(session, id, "its worker died")
    with db.session() as session:
        assert steps.claim(session, id) is None
        job = listing.get(session, id)
    assert [each["attempt"] for each in job.errors] == [1, 2, 3, 4]
    with db.session() as session, pytest.raises(control.StateError, match="queued"):
        control.retry(session, id)


def test_a_retry_is_refused_where_an_equal_job_took_its_place(environment, rules) -> None:
    rules(unique=kinds.UNFINISHED)
    id = jobs.submit("jobs.probe").id
    finish(id, "fail")
    other = jobs.submit("jobs.probe").id
    with db.session() as session, pytest.raises(control.StateError, match=str(other)):
        control.retry(session, id)


# Control


def test_a_queued_job_is_cancelled_at_once_and_an_ended_one_not(environment) -> None:
    id = jobs.submit("jobs.probe").id
    with db.session() as session:
        assert control.cancel(session, id).state == "cancelled"
        assert control.cancel(session, id).state == "cancelled"
        assert steps.claim(session, id) is None
    done = jobs.submit("jobs.probe").id
    finish(done)
    with db.session() as session:
        with pytest.raises(control.StateError, match="succeeded"):
            control.cancel(session, done)
        with pytest.raises(control.NotFoundError):
            control.cancel(session, uuid4())


def test_a_running_job_learns_of_its_cancellation_at_its_next_progress(environment) -> None:
    id = jobs.submit("jobs.probe").id
    with db.session() as session:
        steps.claim(session, id)
    with db.session() as session:
        assert control.cancel(session, id).state == "running"
    with db.session() as session, pytest.raises(steps.CancelledError):
        steps.progress(session, id, 0.5, "half")
    assert dispatch.sweep()["cancelled"] == 1, "no worker holds it"


def test_a_paused_kind_waits_and_goes_on_when_it_is_resumed(environment) -> None:
    with db.session() as session:
        control.pause(session, "jobs.probe", by="a@example.org")
        control.pause(session, "jobs.probe", by="b@example.org")
    id = jobs.submit("jobs.probe").id
    with db.session() as session:
        assert steps.claim(session, id) is None
        assert [each.paused_by for each in control.paused(session)] == ["a@example.org"]
    assert dispatch.due() == 0
    with db.session() as session:
        control.resume(session, "jobs.probe")
    assert dispatch.due() == 1
    with db.session() as session:
        assert steps.claim(session, id)
        with pytest.raises(kinds.UnknownKindError):
            control.pause(session, "no.such")


def test_old_rows_go_and_what_another_job_waits_for_stays(environment, provisioned) -> None:
    old, needed, young, waiting = (jobs.submit("jobs.probe").id for _ in range(4))
    for id in (old, needed, young):
        finish(id)
    provisioned.sql(f"update jobs set waits_for = '{needed}' where id = '{waiting}'")
    provisioned.sql(
        "update jobs set finished_at = finished_at - interval '31 days'"
        f" where id in ('{old}', '{needed}', '{waiting}')"
    )
    with steps.locks() as session:
        assert pruning.prune(session, timedelta(days=30)) == {"jobs": 1, "probes": 0}
        left = {job.id for job in listing.latest(session)}
    assert left == {needed, young, waiting}


def test_the_list_is_filtered_and_goes_on_where_it_ended(environment) -> None:
    ids = [jobs.submit("jobs.probe").id for _ in range(5)]
    jobs.submit(KIND)
    finish(ids[0], "fail")
    with db.session() as session:
        probes = listing.Filter(kind="jobs.probe")
        first = listing.latest(session, probes, limit=3)
        last = first[-1]
        rest = listing.latest(session, probes, before=(last.created_at, last.id))
        assert [job.id for job in [*first, *rest]] == ids[::-1]
        assert [job.id for job in listing.latest(session, listing.Filter(state="failed"))] == ids[
            :1
        ]
        assert listing.counts(session) == {
            "queued": 5, "running": 0, "succeeded": 0, "failed": 1, "cancelled": 0,
        }  # fmt: skip


# Schedules


def test_each_due_time_makes_one_job_however_many_beats_look(environment, provisioned) -> None:
    every = [schedules.Schedule("probe", "jobs.probe", "*/5 * * * *", params={"mark": "clock"})]
    with db.session() as session:
        schedules.settle(session, every)
        assert schedules.start_due(session, every) == []

    def look(_) -> list[str]:
        with db.session() as session:
            return schedules.start_due(session, every)

    for _ in range(3):
        # Hours late, as after an outage: one job makes up for all of them.
        provisioned.sql("update schedules set due_at = due_at - interval '3 hours'")
        with ThreadPoolExecutor(8) as pool:
            assert sum(map(len, pool.map(look, range(16)))) == 1
    with db.session() as session:
        [row] = schedules.states(session)
        made = listing.latest(session)
        assert len(made) == 3
        assert {(job.params["mark"], job.submitted_by) for job in made} == {("clock", "schedule")}
        assert row.last_job == made[0].id
        assert row.due_at > datetime.now(UTC) > row.last_at


def test_a_changed_schedule_is_due_by_its_new_time_and_a_removed_one_is_gone(environment) -> None:
    before = [
        schedules.Schedule("one", "jobs.probe", "0 4 * * *"),
        schedules.Schedule("two", "jobs.probe", "0 4 * * *"),
    ]
    after = [schedules.Schedule("one", "jobs.probe", "30 4 * * *", "Europe/Berlin")]
    with db.session() as session:
        schedules.settle(session, before)
    with db.session() as session:
        schedules.settle(session, after)
    with db.session() as session:
        [row] = schedules.states(session)
    assert (row.name, row.zone) == ("one", "Europe/Berlin")
    assert row.due_at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "04:30"


# Crashes


def test_a_message_that_was_lost_is_sent_again(environment, provisioned, broker) -> None:
    id = jobs.submit(KIND).id
    broker.redis.flushall()
    assert dispatch.sweep()["resent"] == 0, "a young row may be on its way"
    age(provisioned, id)
    assert dispatch.sweep()["resent"] == 1
    assert queue.messages(queue.SHORT) == 1
    age(provisioned, id)
    assert dispatch.sweep()["resent"] == 0, "it has its message now"


def test_a_clock_that_was_set_back_delays_no_job_that_was_due(
    environment, provisioned, broker
) -> None:
    id = jobs.submit(KIND).id
    broker.redis.flushall()
    # As it looks an hour earlier.
    hour = "created_at = created_at + '1 h', run_at = run_at + '1 h', sent_at = sent_at + '1 h'"
    provisioned.sql(f"update jobs set {hour} where id = '{id}'")
    assert dispatch.sweep()["resent"] == 1
    provisioned.sql("update jobs set run_at = run_at + '1 min'")
    with db.session() as session:
        assert not steps.claim(session, id), "it was not due"
    provisioned.sql("update jobs set run_at = created_at")
    with db.session() as session:
        assert steps.claim(session, id)


def test_a_job_is_accepted_while_the_broker_is_away(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = queue.app
    away = Celery("away", set_as_current=False)
    monkeypatch.setenv("REDIS_PORT", str(free_port()))
    away.add_defaults(queue._configuration)
    monkeypatch.setattr(queue, "app", away)
    jobs.submit(KIND)
    assert dispatch.due() == 0
    assert not any(dispatch.sweep().values())
    monkeypatch.setattr(queue, "app", here)
    assert dispatch.due() == 1


def test_a_job_is_accepted_while_redis_is_full(environment, broker) -> None:
    limit = broker.redis.config_get("maxmemory")["maxmemory"]
    broker.redis.config_set("maxmemory", 1)
    try:
        id = jobs.submit(KIND).id
        assert dispatch.due() == 0
    finally:
        broker.redis.config_set("maxmemory", limit)
    assert dispatch.due() == 1
    assert state(id)[0] == "queued"


def test_a_running_job_is_left_alone_while_its_worker_lives(environment, provisioned) -> None:
    id = jobs.submit(KIND).id
    engine = provisioned.engine("app")
    with Session(engine.connect()) as worker:
        assert steps.lock(worker, str(id))
        assert steps.claim(worker, id)
        worker.commit()
        age(provisioned, id, minutes=60)
        assert dispatch.sweep()["requeued"] == 0
        worker.connection().invalidate()
    engine.dispose()
    wait_until(lambda: dispatch.sweep()["requeued"], "the sweeper sees that the worker is gone")
    assert state(id)[0] == "queued"
    assert dispatch.due() == 1


def test_a_job_that_takes_its_workers_down_is_failed_in_the_end(environment, provisioned) -> None:
    id = jobs.submit(KIND).id
    attempts = kinds.KINDS[KIND].max_attempts
    for _ in range(attempts):
        with db.session() as session:
            assert steps.claim(session, id)
        swept = dispatch.sweep()
    assert swept["failed"] == 1
    final, _, message = state(id)
    assert final == "failed"
    assert f"{attempts} times" in message


# Workers


@pytest.fixture
def start(environment, tmp_path: Path):
    """Starts worker processes; kills what is left of them at the end."""
    started: list[subprocess.Popen] = []

    def run(command: str = "worker") -> subprocess.Popen:
        with (tmp_path / f"{command}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "timestack.tasks.every", command],
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
    return found if found[0] in FINISHED else None


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
    assert dispatch.sweep()["requeued"] == 1
    assert dispatch.due() == 1
    start()
    assert wait_until(lambda: ended(id), "another worker ends the job")[0] == "succeeded"


def test_a_job_that_fails_is_tried_again_and_says_why(environment, start, provisioned) -> None:
    # Its parameters are not those of this version: no attempt can help.
    hopeless = jobs.submit("jobs.probe").id
    provisioned.sql(f"update jobs set params = '{{\"old\": 1}}' where id = '{hopeless}'")
    # Its table is away: that may pass.
    provisioned.sql("alter table job_probes rename to elsewhere")
    try:
        id = jobs.submit("jobs.probe").id
        start()
        wait_until(lambda: state(id)[2], "the first attempt has failed")
        assert state(id)[0] == "queued"
        assert "attempt 1 of 3 failed" in state(id)[2]
        assert "job_probes" in state(id)[2]
        assert wait_until(lambda: ended(hopeless), "the other fails")[0] == "failed"
        assert "submit it again" in state(hopeless)[2]
    finally:
        provisioned.sql("alter table elsewhere rename to job_probes")


def test_what_a_job_writes_is_committed_with_its_end_or_not_at_all(
    environment, start, provisioned
) -> None:
    # The end of the job is refused: then there is no effect of it either.
    provisioned.sql(
        "alter table jobs add constraint never check (not (kind = 'jobs.probe' and progress = 1))"
    )
    try:
        id = jobs.submit("jobs.probe", {"mark": "half"}).id
        start()
        wait_until(lambda: state(id)[2], "the attempt has failed")
    finally:
        provisioned.sql("alter table jobs drop constraint never")
    assert provisioned.sql("select count(*) from job_probes") == "0"
    provisioned.sql(f"update jobs set run_at = now() where id = '{id}'")
    assert dispatch.due() == 1
    assert wait_until(lambda: ended(id), "it ends")[0] == "succeeded"
    assert provisioned.sql("select mark from job_probes") == "half"


def test_a_running_job_is_cancelled_and_one_that_goes_on_is_stopped_by_force(
    environment, start, provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "GRACE", timedelta(0))
    willing = jobs.submit("jobs.probe", {"seconds": 60}).id
    worker = start()
    wait_until(lambda: state(willing)[0] == "running", "the job runs")
    with db.session() as session:
        control.cancel(session, willing)
    assert wait_until(lambda: ended(willing), "it learns of it")[2] == "cancelled while it ran"
    # Waits for this lock, and asks nobody meanwhile.
    with provisioned.engine().connect() as blocker:
        blocker.exec_driver_sql("lock table timestack.changes in access exclusive mode")
        deaf = jobs.submit(KIND).id
        wait_until(lambda: state(deaf)[0] == "running", "the job runs")
        with db.session() as session:
            control.cancel(session, deaf)
        assert dispatch.sweep()["killed"] == 1
        wait_until(lambda: dispatch.sweep() and ended(deaf), "it is stopped")
    assert state(deaf)[0] == "cancelled"
    assert "by force" in state(deaf)[2]
    after = jobs.submit("jobs.probe").id
    assert wait_until(lambda: ended(after), "the worker goes on")[0] == "succeeded"
    assert worker.poll() is None


def test_of_two_beats_one_works_until_it_dies_and_then_the_other(
    environment, start, tmp_path: Path
) -> None:
    log = tmp_path / "beat.log"

    def dispatched() -> None:
        with db.session() as session:
            id = jobs.add(session, "jobs.probe").id
        wait_until(lambda: sent(id), "a beat sends it")

    first = start("beat")
    dispatched()
    start("beat")
    wait_until(lambda: "another beat is at work" in log.read_text(), "the second waits")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    dispatched()
    with db.session() as session:
        assert {each.name for each in schedules.states(session)} >= {"refresh the rollups"}


def sent(id: UUID) -> bool:
    with db.session() as session:
        return listing.get(session, id).sent_at is not None


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
