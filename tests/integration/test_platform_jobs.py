"""Usage and companies from the simulated platform, by the real broker and worker."""

from __future__ import annotations

import json

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

ACCOUNTS = ("harbor-media", "studio-north", "studio-south")
OF_THEM = f"from usage where account in {ACCOUNTS}"
TOTAL = f"select count(*), sum(items), round(sum(storage_video_mb)) {OF_THEM}"


def test_the_first_usage_and_companies_come_by_themselves_and_once(stack: Stack) -> None:
    seeding = "select state from jobs where submitted_by = 'seed'"

    def ended() -> bool:
        states = stack.sql(seeding)
        return len(states) == 2 and not {("queued",), ("running",)} & set(states)

    wait_until(ended, "both jobs end", deadline=120)
    assert stack.sql(seeding) == [("succeeded",), ("succeeded",)]
    assert stack.sql(f"select count(distinct account) {OF_THEM}") == [("3",)]
    assert stack.sql("select count(*) >= 40 from companies") == [("t",)]
    seeds = "select id, created_at from jobs where submitted_by = 'seed'"
    before = stack.sql(f"{seeds} order by id")
    again = stack.compose("restart", "beat")
    assert again.returncode == 0, again.stderr
    # It has begun its work: a job without a message gets one.
    stack.sql(
        "insert into jobs (id, kind) values ('00000000-0000-4000-8000-000000000001', 'jobs.probe')"
    )
    probe = "select state from jobs where id = '00000000-0000-4000-8000-000000000001'"
    wait_until(lambda: stack.sql(probe) == [("succeeded",)], "beat works again")
    assert stack.sql(f"{seeds} order by id") == before


def run(stack: Stack, kind: str) -> dict:
    """Submit a job as the administrator and give it back when it has ended."""
    answer = stack.http.post("/api/v1/jobs", json={"kind": kind})
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    path = location[location.index("/api/") :]

    def finished() -> dict | None:
        job = stack.http.get(path).json()
        return job if job["state"] not in ("queued", "running") else None

    return wait_until(finished, f"the job {kind} ends", deadline=120)


def test_the_worker_takes_in_the_usage_of_every_account_and_twice_is_once(stack: Stack) -> None:
    stack.sql(f"delete {OF_THEM}")
    job = run(stack, "usage.ingest")
    assert job["state"] == "succeeded", job
    assert job["result"]["failures"] == {}
    rows = stack.sql(
        f"select account, count(*), max(day), max(day) - min(day) {OF_THEM}"
        " group by account order by account"
    )
    last = job["result"]["last"]
    taken = job["result"]["accounts"]
    assert rows == [(name, str(taken[name]), last, "179") for name in ACCOUNTS]
    before = stack.sql(TOTAL)
    again = run(stack, "usage.ingest")
    assert again["state"] == "succeeded", again
    # A midnight in between brings one day more.
    if again["result"]["last"] == last:
        assert stack.sql(TOTAL) == before


def test_make_ingest_s_command_follows_its_job_to_the_end(stack: Stack) -> None:
    submit = ("python", "-m", "timestack.shell", "jobs", "submit", "usage.ingest", "--wait")
    done = stack.compose("exec", "-T", "worker", *submit, "days=7")
    assert done.returncode == 0, done.stderr
    assert '"failures": {}' in done.stdout
    refused = stack.compose("exec", "-T", "worker", *submit, "days=0")
    assert refused.returncode == 2
    assert "days: Input should be greater than or equal to 1" in refused.stderr


def test_a_manifest_that_changed_is_brought_when_an_administrator_asks_for_it(
    stack: Stack,
) -> None:
    publish = "import httpx; print(httpx.post('http://platform:9000/api/manifest/publish').text)"
    published = stack.compose("exec", "-T", "worker", "python", "-c", publish)
    assert published.returncode == 0, published.stderr
    answer = stack.http.post("/api/v1/manifest/refresh")
    assert answer.status_code == 202, answer.text
    new = json.loads(published.stdout)

    def shown() -> dict:
        return stack.http.get("/api/v1/manifest").json()

    wait_until(lambda: shown().get("sha256") == new["sha256"], "the new version is there")
    assert shown()["version"] == new["version"]
    assert ("manifest.refresh", "*/5 * * * *") in stack.sql("select kind, cron from schedules")
    assert stack.viewer.post("/api/v1/manifest/refresh").status_code == 403
    assert stack.viewer.get("/api/v1/manifest").json()["sha256"] == new["sha256"]


def test_the_worker_takes_in_the_companies(stack: Stack) -> None:
    job = run(stack, "companies.fetch")
    assert job["state"] == "succeeded", job
    assert job["result"] == {"companies": 40, "years": 440}
    rows = stack.sql(
        "select count(*), count(distinct company_id), min(year), max(year) from finances"
        " where company_id in (select id from companies where name like 'Alder %')"
    )
    assert rows == [("55", "5", "2015", "2025")]


def test_the_web_is_not_told_the_token_of_the_platform(stack: Stack) -> None:
    done = stack.exec("web", "ls", "/run/secrets")
    assert done.returncode == 0, done.stderr
    assert "secret_key" in done.stdout.split()
    assert "platform_password" not in done.stdout.split()
