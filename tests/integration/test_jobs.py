"""A background job from the request to its effect, through the real broker and worker."""

from __future__ import annotations

import pytest

from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack


def submit(stack: Stack, where: str = "/api/v1/jobs", asked: dict | None = None) -> str:
    """Ask for a job, a rollup refresh without more; the path where its progress is read."""
    answer = stack.http.post(where, json=asked or {"kind": "rollups.refresh"})
    assert answer.status_code == 202, answer.text
    location = answer.headers["location"]
    return location[location.index("/api/") :]


def finished(stack: Stack, path: str) -> dict | None:
    job = stack.http.get(path).json()
    return job if job["state"] in ("succeeded", "failed") else None


def run(stack: Stack, *asked, deadline: float = 60) -> dict:
    """Submit a job and give it back when it has ended."""
    path = submit(stack, *asked)
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


def test_a_model_is_trained_by_the_worker_whose_image_can(stack: Stack) -> None:
    asked = {"symbol": "IBM", "classifier": "bayes", "test_start": "2012-03-01"}
    job = run(stack, "/api/v1/forecasts", asked, deadline=180)
    assert job["state"] == "succeeded", job
    path = f"/api/v1/forecasts/{job['result']['forecast']}"
    found = stack.http.get(path).json()
    assert (found["symbol"], found["last_day"]) == ("IBM", "2013-03-01")
    assert found["train_rows"] + found["test_rows"] == 3206
    for service in ("web", "worker"):
        assert stack.exec(service, "python", "-c", "import sklearn").returncode == 1, service
    assert stack.http.delete(path).status_code == 204


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
