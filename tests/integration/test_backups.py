"""Backups as jobs of the stack: taken, shown, and honest about what keeps them from being taken."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_jobs import finished, run, submit
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

TAKE = {"kind": "backups.take", "params": {"type": "incr"}}
PROGRAM = "/usr/local/lib/timestack/backups.py"
REPOSITORY = "/var/lib/pgbackrest/backup"


def checks(stack: Stack) -> dict[str, dict]:
    """What the Operations page says of backups, by name."""
    parts = stack.http.get("/api/v1/operations").json()["parts"]
    return {
        each["name"]: each for part in parts if part["name"] == "backups" for each in part["checks"]
    }


def test_a_job_takes_a_backup_that_is_listed_and_shown(stack: Stack) -> None:
    job = run(stack, "/api/v1/jobs", TAKE, deadline=180)
    assert job["state"] == "succeeded", job
    found = json.loads(stack.exec("timescaledb", "python3", PROGRAM, "list").stdout)
    assert job["result"]["label"] in [each["label"] for each in found["backups"]]
    shown = checks(stack)
    assert shown["Newest backup"]["state"] == "good"
    assert job["result"]["type"] in shown["Newest backup"]["value"]
    assert "(UTC)" in shown["Can be restored to"]["value"]
    assert shown["Archive of WAL"]["state"] == "good", shown


def test_one_that_cannot_be_written_is_a_job_that_says_why(stack: Stack) -> None:
    """It is tried again later, which is not waited for."""
    stack.exec("timescaledb", "chmod", "000", REPOSITORY)
    try:
        path = submit(stack, asked=TAKE)
        job = wait_until(
            lambda: (job := stack.http.get(path).json())["errors"] and job, "it fails", 120
        )
    finally:
        stack.exec("timescaledb", "chmod", "750", REPOSITORY)
    assert "Permission denied" in job["errors"][0]["error"], job
    assert "pgbackrest" in job["errors"][0]["error"], job
    stack.http.post(f"{path}/cancel")
    wait_until(lambda: stack.http.get(path).json()["state"] == "cancelled", "it is cancelled")


def test_what_watches_finds_nothing_to_tell_of(stack: Stack) -> None:
    job = run(stack, "/api/v1/jobs", {"kind": "backups.watch"})
    assert job["result"]["wrong"] == [], job
    assert finished(stack, f"/api/v1/jobs/{job['id']}")
