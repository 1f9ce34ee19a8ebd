"""Usage and companies from the simulated platform, by the real broker and worker."""

from __future__ import annotations

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

ACCOUNTS = ("harbor-media", "studio-north", "studio-south")
OF_THEM = f"from usage where account in {ACCOUNTS}"
TOTAL = f"select count(*), sum(items), round(sum(storage_video_mb)) {OF_THEM}"


def test_the_first_usage_and_companies_come_by_themselves_and_once(stack: Stack) -> None:
    # What a random id is not: of version 5.
    seeding = "select state from jobs where id::text like '______________5%'"

    def ended() -> bool:
        states = stack.sql(seeding)
        return len(states) == 2 and not {("queued",), ("running",)} & set(states)

    wait_until(ended, "both jobs end", deadline=120)
    assert stack.sql(seeding) == [("succeeded",), ("succeeded",)]
    assert stack.sql(f"select count(distinct account) {OF_THEM}") == [("3",)]
    assert stack.sql("select count(*) >= 40 from companies") == [("t",)]
    before = stack.sql("select count(*), max(created_at) from jobs")
    again = stack.compose(
        *("exec", "-T", "worker", "celery", "--quiet", "-A", "timestack.tasks", "call"),
        *("platform.seed", "--queue", "periodic"),
    )
    assert again.returncode == 0, again.stderr
    line = f"platform.seed[{again.stdout.strip()}] succeeded"
    wait_until(lambda: line in stack.logs("worker"), "the worker has run it")
    assert stack.sql("select count(*), max(created_at) from jobs") == before


def run(stack: Stack, kind: str) -> dict:
    """Submit a job as the administrator and give it back when it has ended."""
    answer = stack.http.post("/api/v1/jobs", json={"kind": kind})
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    path = location[location.index("/api/") :]

    def finished() -> dict | None:
        job = stack.http.get(path).json()
        return job if job["state"] in ("succeeded", "failed") else None

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
    done = stack.compose("exec", "-T", "web", "ls", "/run/secrets")
    assert done.returncode == 0, done.stderr
    assert "secret_key" in done.stdout.split()
    assert "platform_password" not in done.stdout.split()
