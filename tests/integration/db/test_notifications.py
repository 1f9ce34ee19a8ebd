"""Notifications by a real worker to a real webhook and mail server; no beat runs here."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from celery import Celery
from sqlalchemy import func
from sqlalchemy.orm import Session

from tests.integration.db.conftest import SCHEMA_FILE, Broker, Database
from tests.stack import ROOT, wait_until
from tests.unit.platform.running import Platform, running
from timestack import db, queue
from timestack.domains import jobs, notifications
from timestack.domains.jobs import control, kinds, lateness, listing, schedules, steps
from timestack.domains.notifications import rate
from timestack.models.jobs import Job, ScheduleState
from timestack.progress import unwatched
from timestack.tasks import notify, trial

pytestmark = pytest.mark.database

EMAIL = "ops@example.org"
# In the webhook's address, as a chat server would have made it up.
TOKEN = "T0aBcDeF/B0aBcDeF/q7Zk2mVx9LpR4tYw8NcJ5hGs"
# It looks what is late, and sends what beat would have sent, each second instead of each minute.
WORKER = """
from timestack.tasks.every import app, watch
watch.PERIOD = 1
app.worker_main(["worker", "--concurrency", "2"])
"""


@dataclass
class Stack:
    """What a test sees of the installation."""

    database: Database
    broker: Broker
    platform: Platform
    secrets: Path
    environment: dict[str, str]
    log: Path

    def hooks(self) -> list[str]:
        with self.platform.client() as client:
            return client.get("/hooks").json()

    def mails(self) -> list[dict]:
        with self.platform.client() as client:
            return client.get("/mail").json()

    def order(self, fault: object) -> None:
        with self.platform.client() as client:
            answer = client.post("/api/faults", json={"hooks": fault})
            assert answer.status_code == 200, answer.text

    def hurry(self) -> None:
        """Let nobody wait for the next attempt; one that is due stays: it may be on its way."""
        waits = "state = 'queued' and attempts > 0 and run_at > now()"
        self.database.sql(f"update jobs set run_at = now() where {waits}")

    def rows(self) -> str:
        """Everything in the tables of jobs."""
        return self.database.sql(
            "select j::text from jobs j; select h::text from held_notifications h"
        )

    def at_rest(self) -> bool:
        """Whether no notification is on its way; those for later are not."""
        on_its_way = "state in ('queued', 'running') and kind ~ '^notify' and run_at <= now()"
        return self.database.sql(f"select count(*) from jobs where {on_its_way}") == "0"

    def webhook(self, address: str) -> None:
        file = self.secrets / "notify_webhook"
        file.unlink(missing_ok=True)
        file.write_text(address)


@pytest.fixture(scope="module")
def installation(
    provisioned: Database, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("notifications")
    secrets = Path(shutil.copytree(provisioned.server.secrets, folder / "secrets"))
    (folder / "platform").mkdir()
    with running(folder / "platform") as platform, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "TIMESTACK_ENV": "test",
            "TIMESTACK_DOMAIN": "data.example.org",
            "URL_PREFIX": "/stack",
            "SECRETS_DIR": str(secrets),
            "DATABASE_HOST": "localhost",
            "DATABASE_PORT": str(provisioned.server.port),
            "DATABASE_NAME": provisioned.name,
            "DATABASE_ROLE": "timestack_app",
            "DATABASE_CA": str(secrets / "ca.pem"),
            "REDIS_HOST": "localhost",
            "REDIS_PORT": str(broker.port),
            "SCHEMA_FILE": str(SCHEMA_FILE),
            "PLATFORM_URL": platform.url,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(platform.smtp_port),
            "SMTP_TLS": "none",
            "NOTIFY_EMAIL": EMAIL,
        }.items():
            patch.setenv(name, value)
        fresh = Celery("test", set_as_current=False)
        fresh.add_defaults(queue._configuration)
        patch.setattr(queue, "app", fresh)
        engine = db.init(provisioned.settings("app"))
        python_path = f"{ROOT}:{ROOT / 'services' / 'web'}"
        environment = {**os.environ, "PYTHONPATH": python_path, "TMPDIR": str(folder)}
        log = folder / "worker.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-c", WORKER],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield Stack(provisioned, broker, platform, secrets, environment, log)
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            fresh.close()
            engine.dispose()


@pytest.fixture
def stack(installation: Stack) -> Iterator[Stack]:
    """Nothing has happened yet, and both channels are set up."""
    installation.order(None)
    installation.database.sql("truncate jobs, held_notifications, paused_kinds, schedules")
    with installation.platform.client() as client:
        client.delete("/hooks")
        client.delete("/mail")
    installation.webhook(f"{installation.platform.url}/hooks/{TOKEN}\n")
    yield installation
    installation.order(None)
    wait_until(installation.at_rest, "nothing is on its way")


def added(session: Session, kind: str, **request: object) -> Job:
    """A new job as a row of the session, which ``add`` does not give."""
    return session.get(Job, jobs.add(session, kind, **request).id)


def fail(
    reason: str = "it broke",
    kind: str = "jobs.probe",
    *,
    again: bool = False,
    submitted_by: str = "",
) -> UUID:
    """A job that has failed, as a worker would have it."""
    # Nobody else may claim it: a message that was lost, for all that the worker knows.
    with db.session() as session:
        job = added(session, kind, submitted_by=submitted_by)
        job.sent_at = job.created_at
    with db.session() as session:
        assert steps.claim(session, job.id)
        steps.fail(session, job.id, reason, again=again)
    return job.id


def deliveries(state: str = "failed") -> list:
    with db.session() as session:
        return list(listing.latest(session, listing.Filter("notify.deliver", state)))


# What is told


def test_a_job_that_fails_in_the_worker_is_told_of_once_by_each_channel(stack: Stack) -> None:
    with db.session() as session:
        id = jobs.add(session, "jobs.probe").id
        # Parameters that no version takes: no attempt can help.
        session.get(Job, id).params = {"old": 1}
    (text,) = wait_until(stack.hooks, "the webhook has it")
    (mail,) = wait_until(stack.mails, "the mail server has it")
    wait_until(stack.at_rest, "that is all")
    assert len(stack.hooks()) == len(stack.mails()) == 1
    assert mail["to"] == [EMAIL]
    assert mail["subject"] == "[data.example.org] jobs.probe failed"
    assert text.startswith("[data.example.org] jobs.probe failed\n")
    for told in (text, mail["text"]):
        assert f"Job {id} was tried once and is given up" in told
        assert "submit it again" in told
        assert f"\nhttps://data.example.org:8443/stack/dash/jobs?job={id}" in told


def test_attempts_that_are_left_and_cancelled_jobs_are_not_told_of(stack: Stack) -> None:
    fail(again=True)
    with db.session() as session:
        waits, runs = (added(session, "jobs.probe") for _ in range(2))
        waits.sent_at = runs.sent_at = runs.created_at
    with db.session() as session:
        control.cancel(session, waits.id)
        steps.claim(session, runs.id)
        control.cancel(session, runs.id)
    with db.session() as session:
        steps.fail(session, runs.id, "it broke while it was cancelled")
    assert stack.database.sql("select count(*) from jobs where kind ~ '^notify'") == "0"


def test_what_the_clock_starts_and_fails_each_time_is_told_once_an_hour(stack: Stack) -> None:
    told = "select count(*) from jobs where kind = 'notify.send'"
    for _ in range(3):
        fail(submitted_by=schedules.BY)
    assert stack.database.sql(told) == "1"
    fail(kind="usage.ingest", submitted_by=schedules.BY)
    fail(submitted_by=EMAIL)
    assert stack.database.sql(told) == "3"
    stack.database.sql("update jobs set created_at = created_at - interval '61 minutes'")
    fail(submitted_by=schedules.BY)
    assert stack.database.sql(told) == "4"


def test_a_worker_that_died_too_often_is_told_of(stack: Stack) -> None:
    with db.session() as session:
        id = jobs.add(session, "jobs.probe").id
        steps.claim(session, id)
        assert steps.give_up(session, id, "its worker died: see the worker's log")
    (text,) = wait_until(stack.hooks, "it is told")
    assert "its worker died" in text


def test_anything_else_is_told_in_the_transaction_in_which_it_happens(stack: Stack) -> None:
    with db.session() as session:
        notifications.add(session, "manifest", "the manifest is at version 1")
        session.rollback()
    with db.session() as session:
        notifications.add(session, "manifest", "the manifest\nis at version 2", "312 <titles>\n")
    (text,) = wait_until(stack.hooks, "it is told")
    assert text == "[data.example.org] the manifest is at version 2\n312 &lt;titles&gt;"
    (mail,) = wait_until(stack.mails, "and by mail")
    assert mail["text"].strip() == "312 <titles>"


def test_a_new_version_of_the_manifest_is_told_and_the_first_one_is_not(stack: Stack) -> None:
    def refresh() -> None:
        with db.session() as session:
            id = jobs.add(session, "manifest.refresh").id
        ended = f"select state from jobs where id = '{id}' and finished_at is not null"
        wait_until(lambda: stack.database.sql(ended) == "succeeded", "it is refreshed")

    refresh()
    assert stack.database.sql("select count(*) from jobs where kind = 'notify.send'") == "0"
    with stack.platform.client() as client:
        version = client.post("/api/manifest/publish").json()["version"]
    refresh()
    (text,) = wait_until(stack.hooks, "it is told")
    assert text.startswith(f"[data.example.org] the manifest is at version {version}\n")
    refresh()
    wait_until(stack.at_rest, "that is all")
    assert len(stack.hooks()) == 1


def test_an_alert_is_told_when_it_fires_and_when_it_is_over(stack: Stack) -> None:
    def look() -> None:
        with db.session() as session:
            id = jobs.add(session, "alerts.evaluate").id
        ended = f"select state from jobs where id = '{id}' and finished_at is not null"
        wait_until(lambda: stack.database.sql(ended) == "succeeded", "the rules are looked at")

    read = "insert into readings select now() - n * interval '1 minute', id, {} from sensors,"
    # By the rule `heat` of the file: above 100 for half an hour.
    stack.database.sql(
        "insert into sensors (type, location, name, unit)"
        " values ('temperature', 'JFK', 'air temperature', '°F');"
        f"{read.format(103)} generate_series(1, 32) n"
    )
    look()
    (text,) = wait_until(stack.hooks, "it is told")
    assert text.startswith("[data.example.org] warning: heat: 1 firing\n")
    assert "temperature, JFK, air temperature (°F): 103, since " in text
    assert text.endswith("https://data.example.org:8443/stack/dash/alerts?rule=heat")
    look()
    stack.database.sql(f"delete from readings; {read.format(90)} generate_series(0, 31) n")
    look()
    wait_until(lambda: len(stack.hooks()) == 2, "that it is over is told")
    assert "warning: heat: 1 resolved" in stack.hooks()[1]


def test_without_a_channel_nothing_is_sent_and_nothing_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.webhook("")
    monkeypatch.setenv("NOTIFY_EMAIL", "")
    params = kinds.Notification(event="failure", subject="it failed")
    with db.session() as session:
        assert notify.send(session, unwatched, params) == {"sent": [], "held": []}


# What goes wrong


def test_a_webhook_that_is_away_delays_nothing_and_gets_it_once_when_it_is_back(
    stack: Stack,
) -> None:
    stack.order({"kind": "503", "times": 2, "retry_after": ""})
    id = fail()
    with db.session() as session:
        assert listing.get(session, id).state == "failed"
    wait_until(lambda: stack.hurry() or stack.hooks(), "it came at last")
    wait_until(stack.at_rest, "that is all")
    assert len(stack.hooks()) == len(stack.mails()) == 1
    attempts = {job.params["channel"]: job.attempts for job in deliveries("succeeded")}
    assert attempts == {"webhook": 3, "email": 1}


def test_a_webhook_that_says_when_is_asked_again_then(stack: Stack) -> None:
    stack.order({"kind": "429", "times": 1, "retry_after": "300"})
    fail()
    [again] = wait_until(
        lambda: [job for job in deliveries("queued") if job.errors], "it was refused"
    )
    assert "the answer is 429" in again.message
    assert 290 < (again.run_at - again.created_at).total_seconds() < 400
    wait_until(lambda: stack.hurry() or stack.hooks(), "it came at last")


@pytest.mark.parametrize("kind", ["401", "redirect"])
def test_a_webhook_that_is_gone_is_not_asked_again_and_its_failure_is_not_told(
    stack: Stack, kind: str
) -> None:
    stack.order(kind)
    fail()
    [failed] = wait_until(deliveries, "it failed")
    assert (failed.attempts, failed.params["channel"]) == (1, "webhook")
    assert re.search(r"the answer is (401|302); write its address into", failed.message)
    wait_until(stack.mails, "the other channel has it")
    wait_until(stack.at_rest, "nothing is told of that")
    assert stack.database.sql("select count(*) from jobs where kind = 'notify.send'") == "1"


# How much


def test_of_many_failures_some_are_told_and_one_summary_counts_the_others(stack: Stack) -> None:
    for number in range(20):
        fail(kind="rollups.refresh" if number % 4 else "usage.ingest")
    wait_until(lambda: len(stack.hooks()) >= rate.MOST, "the first are told")
    wait_until(stack.at_rest, "the others are held back")
    assert len(stack.hooks()) == len(stack.mails()) == rate.MOST
    held = stack.database.sql(
        "select channel, count(*) from held_notifications group by 1 order by 1"
    )
    assert held == "email|14\nwebhook|14"
    # The window ends.
    stack.database.sql(
        "update jobs set created_at = created_at - interval '10 minutes',"
        " run_at = run_at - interval '10 minutes' where kind ~ '^notify'"
    )
    wait_until(lambda: len(stack.hooks()) > rate.MOST, "the summary comes")
    wait_until(stack.at_rest, "that is all")
    assert len(stack.hooks()) == len(stack.mails()) == rate.MOST + 1
    summary = stack.hooks()[-1]
    assert "14 more notifications since " in summary
    assert "14 failed jobs: " in summary
    counted = dict(re.findall(r"(\d+) × (\S+) failed", summary))
    told = [re.search(r"\] (\S+) failed", each)[1] for each in stack.hooks()[: rate.MOST]]
    total = {kind: told.count(kind) for kind in told}
    for number, kind in counted.items():
        total[kind] = total.get(kind, 0) + int(number)
    assert total == {"rollups.refresh": 15, "usage.ingest": 5}
    assert stack.database.sql("select count(*) from held_notifications") == "0"
    fail()
    wait_until(lambda: len(stack.hooks()) == rate.MOST + 2, "the next one is told by itself again")


def test_however_many_workers_share_messages_out_no_more_than_these_go(stack: Stack) -> None:
    message = kinds.Notification(event="failure", subject="it failed")

    def share_out(_: int) -> bool:
        with db.session() as session:
            return rate.pass_on(session, "webhook", message)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(share_out, range(24))) == rate.MOST
    assert stack.database.sql("select count(*) from held_notifications") == "18"
    assert stack.database.sql("select count(*) from jobs where kind = 'notify.summary'") == "1"


# Secrets


def test_no_secret_is_in_a_message_a_row_a_log_or_redis(stack: Stack) -> None:
    password, token, bearer = "hunter2-hunter2", "Qm3vX8kPz1LwT6yRb9NcJ5hGsDfA2eUo", "abcdef-123456"
    fail(
        f"OperationalError: postgresql://someone:{password}@db/x, token={token}, {token},"
        f" Authorization: Bearer {bearer}"
    )
    own = (stack.secrets / "redis_password").read_text().strip()
    with db.session() as session:
        notifications.add(session, "manifest", "a message", f"that repeats {own}")
    # And an address that fails in every way.
    for kind in ("500", "redirect"):
        stack.order({"kind": kind, "times": 1})
        fail()
        wait_until(lambda: any(job.errors for job in deliveries("queued") + deliveries()), kind)
        wait_until(lambda: stack.hurry() or stack.at_rest(), "all have ended")
    wait_until(lambda: len(stack.hooks()) >= 3, "they are told")
    wait_until(stack.at_rest, "that is all")
    redis = stack.broker.redis
    keys = {key: redis.dump(key) for key in redis.keys("*")}
    places = {
        "the webhook": repr(stack.hooks()),
        "the mails": repr(stack.mails()),
        "the rows": stack.rows(),
        "the worker's log": stack.log.read_text(),
        "the platform's log": stack.platform.log.read_text(),
        "Redis": repr(keys),
    }
    assert "someone:***@db" in places["the webhook"]
    assert "POST /hooks/*** 200" in places["the platform's log"]
    for secret in (password, token, bearer, own, TOKEN, TOKEN.rpartition("/")[2]):
        for name, content in places.items():
            assert secret not in content, name


# Schedules


def schedule(stack: Stack, name: str, kind: str, due: str) -> None:
    stack.database.sql(
        "insert into schedules (name, kind, cron, zone, due_at) values"
        f" ('{name}', '{kind}', '0 2 * * *', 'UTC', now() + interval '{due}')"
    )


def looks(stack: Stack) -> int:
    return stack.log.read_text().count("Task schedules.watch[")


def test_a_schedule_that_nobody_starts_is_told_of_once_for_its_time(stack: Stack) -> None:
    schedule(stack, "take in the usage", "usage.ingest", "-11 minutes")
    schedule(stack, "in time", "jobs.prune", "-1 minute")
    (text,) = wait_until(stack.hooks, "it is told, though there is no beat")
    assert text.startswith("[data.example.org] late: take in the usage\n")
    assert re.search(r"it was due at \d{4}-\d\d-\d\d \d\d:\d\d UTC: is beat running\?", text)
    before = looks(stack)
    wait_until(lambda: looks(stack) > before + 6, "the worker looks again")
    assert len(stack.hooks()) == 1
    # Beat came back and was away again.
    stack.database.sql(
        "update schedules set due_at = now() - interval '20 minutes',"
        " warned_at = now() - interval '1 day'"
    )
    wait_until(lambda: len(stack.hooks()) == 2, "another time is told")
    assert "late: in time, take in the usage\n" in stack.hooks()[1]


def late_job(**changes: object) -> None:
    """A job of the clock that waits since an hour; its message is on its way."""
    with db.session() as session:
        job = added(session, "usage.ingest", submitted_by=schedules.BY)
        for name, value in {"sent_at": job.created_at, **changes}.items():
            setattr(job, name, value)
        job.run_at = job.run_at - 6 * lateness.LATE


@pytest.mark.parametrize(
    ("prepare", "late"),
    [
        (lambda: late_job(), True),
        (lambda: late_job(attempts=1), False),
        (lambda: late_job(state="succeeded"), False),
        (lambda: late_job(submitted_by=EMAIL), False),
        (lambda: (late_job(), late_job(state="running")), False),
        (lambda: (late_job(), pause()), False),
    ],
    ids=["waits", "is tried again", "has ended", "is somebody's", "has another run", "is paused"],
)
def test_a_job_that_waits_for_a_worker_is_late_and_one_with_another_reason_is_not(
    stack: Stack, prepare: Callable[[], object], late: bool
) -> None:
    prepare()
    # Rolled back: the worker looks as well, and would tell it first.
    with db.session() as session:
        at = {"cron": "0 2 * * *", "zone": "UTC", "due_at": func.now()}
        session.add(ScheduleState(name="it", kind="usage.ingest", **at))
        session.flush()
        assert lateness.tell(session) == (["it"] if late else [])
        assert lateness.tell(session) == []
        if late:
            text = listing.latest(session, listing.Filter("notify.send"))[0].params["text"]
            assert "is the worker of the long queue running, or busy?" in text
        session.rollback()
    stack.database.sql("truncate jobs, paused_kinds")


def pause() -> None:
    with db.session() as session:
        control.pause(session, "usage.ingest")


# make notify-test


def test_a_trial_sends_by_each_channel_and_says_what_became_of_it(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "timestack.tasks.trial"],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["webhook: sent", "e-mail: sent"]
    assert stack.hooks() == ["[data.example.org] a test\nNotifications arrive here."]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("http://127.0.0.1:1/hooks/x", "webhook: no connection: "),
        ("", "webhook: not set up: write its address into notify_webhook under SECRETS_PATH"),
    ],
)
def test_a_trial_that_reaches_nobody_fails_and_says_why_or_what_to_do(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    line: str,
) -> None:
    stack.webhook(address)
    monkeypatch.setenv("NOTIFY_EMAIL", "")
    assert trial.main() == 1
    webhook, email = capsys.readouterr().out.splitlines()
    assert webhook.startswith(line)
    assert email.startswith("e-mail: not set up: write NOTIFY_EMAIL and SMTP_HOST into .env")
