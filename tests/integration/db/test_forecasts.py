"""Forecasts over HTTP, and by a worker: trained, refused, cancelled, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.db.conftest import Database
from tests.stack import BUSY, ROOT, wait_until
from tests.unit.web.conftest import person, signed_in
from timestack.domains import jobs
from timestack.domains.jobs import dispatch

pytestmark = pytest.mark.database

FORECASTS = "/api/v1/forecasts"
FIRST = date(2009, 12, 31)
DAYS = 900
ASKED = {"symbol": "WALK", "classifier": "bayes", "test_start": "2012-01-01", "folds": 2}


def weekdays(count: int) -> list[date]:
    """The first days of trading after FIRST."""
    every = (FIRST + timedelta(n) for n in range(1, 2 * count))
    return [day for day in every if day.weekday() < 5][:count]


@pytest.fixture(scope="module")
def prices(provisioned: Database) -> Database:
    """Tickers: a random walk, one with ten days, and one whose price never changes."""
    walk = 50 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, DAYS)))
    rows = [
        f"('{day}Z', 1, {price}, {price * 1.01}, {price * 0.99}, {price}, 1000, {price})"
        for day, price in zip(weekdays(DAYS), walk, strict=True)
    ]
    rows += [f"('{day}Z', 2, 1, 2, 1, {1 + n % 2}, 9, 1)" for n, day in enumerate(weekdays(10))]
    rows += [f"('{day}Z', 3, 5, 5, 5, 5, 1000, 5)" for day in weekdays(DAYS)]
    provisioned.sql(
        "insert into tickers (symbol, name, industry) values ('WALK', 'A walk', 'Chance'),"
        " ('TEN', 'Ten days', 'Chance'), ('FLAT', 'Flat', 'Chance');"
        f" insert into prices_daily values {', '.join(rows)}"
    )
    return provisioned


@pytest.fixture
def client(app: Flask, environment: dict[str, str], prices: Database) -> FlaskClient:
    """An editor's, on no forecast."""
    prices.sql("truncate forecasts restart identity")
    return signed_in(app, person("editor"))


class Worker:
    """The worker that trains, as its container runs it; started when it is first needed."""

    def __init__(self, environment: dict[str, str], folder: Path):
        self.environment = {**os.environ, **environment, "TMPDIR": str(folder)}
        self.log = folder / "log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = ("-A", "timestack.tasks.every", "worker", "-Q", "forecast", "--concurrency", "1")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", *command],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def worker(
    jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    path = f"{ROOT}:{ROOT / 'services' / 'web'}"
    made = Worker({**jobs_variables, "PYTHONPATH": path}, tmp_path_factory.mktemp("worker"))
    made.start()
    yield made
    made.kill()


def begun(client: FlaskClient, **asked: Any) -> str:
    """The id of the job that a request has made."""
    answer = client.post(FORECASTS, json={**ASKED, **asked})
    assert answer.status_code == 202, answer.text
    return answer.get_json()["id"]


def shown(client: FlaskClient, job: str) -> dict[str, Any]:
    return client.get(f"/api/v1/jobs/{job}").get_json()


def ended(client: FlaskClient, job: str) -> dict[str, Any]:
    """The job, when it has."""
    over = ("succeeded", "failed", "cancelled")
    wait_until(lambda: shown(client, job)["state"] in over, f"job {job} ends", 30 * BUSY)
    return shown(client, job)


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    return client.get(f"{FORECASTS}{query}").get_json()["items"]


def fault(answer: TestResponse) -> str:
    assert answer.status_code == 422, answer.text
    return " ".join(str(each) for each in answer.get_json()["errors"])


def test_a_forecast_is_trained_kept_and_the_same_again(
    client: FlaskClient, worker: Worker, prices: Database
) -> None:
    first = ended(client, begun(client))
    assert first["state"] == "succeeded", first
    one = client.get(f"{FORECASTS}/{first['result']['forecast']}").get_json()
    assert (one["symbol"], one["test_day"]) == ("WALK", "2012-01-02"), "a Sunday, so the Monday"
    assert one["settings"] == {
        **ASKED, "tuning": False, "gap": 1, "positions": "long", "cost": 10.0, "seed": 1,
        "features": ["returns", "macd", "rsi", "cci", "emv", "force"],
    }  # fmt: skip
    assert one["train_rows"] + one["test_rows"] < DAYS
    assert len(one["course"]["profit"]) == len(one["course"]["days"]) - one["course"]["split"]
    assert one["verdict"]["skill"] is first["result"]["skill"]
    again = ended(client, begun(client))
    other = client.get(f"{FORECASTS}/{again['result']['forecast']}").get_json()
    same = ("settings", "data_hash", "versions", "verdict", "course")
    assert {name: one[name] for name in same} == {name: other[name] for name in same}
    ended(client, begun(client, classifier="logistic", symbol="walk"))
    assert [each["id"] for each in listed(client)] == [3, 2, 1]
    assert [each["id"] for each in listed(client, "?classifier=bayes&symbol=WALK")] == [2, 1]
    assert "course" not in listed(client)[0]
    # The data are others with one more day, and their hash says so.
    prices.sql("insert into prices_daily values ('2013-12-31Z', 1, 9, 9, 9, 9, 9, 9)")
    later = ended(client, begun(client))
    prices.sql("delete from prices_daily where time = '2013-12-31Z'")
    assert listed(client)[0]["id"] == later["result"]["forecast"]
    assert listed(client)[0]["data_hash"] != one["data_hash"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"symbol": "TEN"}, "10 days"),
        ({"symbol": "FLAT"}, "never changes"),
        ({"test_start": "1999-01-01"}, "2010-"),
        ({"test_start": "2030-01-01"}, "2013-"),
    ],
    ids=["ten days", "a constant price", "before the prices", "after them"],
)
def test_what_cannot_be_learned_fails_at_once_and_says_what_to_do(
    client: FlaskClient, worker: Worker, asked: dict, said: str
) -> None:
    job = ended(client, begun(client, **asked))
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert said in job["message"], job["message"]
    assert listed(client) == []


# Some seconds, and with tuning two minutes.
SLOW = {"classifier": "forest", "folds": 8}


def is_under_way(client: FlaskClient, job: str) -> None:
    wait_until(lambda: shown(client, job)["progress"] > 0.02, "it is training", 30 * BUSY)


def test_one_that_runs_is_cancelled_and_leaves_nothing(client: FlaskClient, worker: Worker) -> None:
    job = begun(client, **SLOW, tuning=True)
    is_under_way(client, job)
    assert client.post(f"/api/v1/jobs/{job}/cancel").status_code in (200, 202)
    assert ended(client, job)["state"] == "cancelled"
    assert listed(client) == []
    assert ended(client, begun(client))["state"] == "succeeded", "the worker goes on"


def test_of_a_worker_that_is_killed_another_one_makes_one_forecast(
    client: FlaskClient, worker: Worker
) -> None:
    job = begun(client, **SLOW)
    is_under_way(client, job)
    worker.kill()
    wait_until(lambda: dispatch.sweep()["requeued"] == 1, "its death is seen")
    worker.start()
    dispatch.due()
    done = ended(client, job)
    assert (done["state"], done["attempts"]) == ("succeeded", 2), done
    assert [each["id"] for each in listed(client)] == [done["result"]["forecast"]]


def test_the_same_question_twice_is_one_job_and_two_questions_wait_for_each_other(
    client: FlaskClient, worker: Worker
) -> None:
    first, other = begun(client), begun(client, seed=2)
    assert begun(client, features=["force", "emv", "cci", "rsi", "macd", "returns"]) == first
    assert other != first
    assert {ended(client, each)["state"] for each in (first, other)} == {"succeeded"}
    assert len(listed(client)) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"folds": 1}, "folds"),
        ({"folds": 9}, "folds"),
        ({"classifier": "oracle"}, "classifier"),
        ({"features": []}, "features"),
        ({"features": ["tomorrow"]}, "features"),
        ({"test_start": "2012-13-01"}, "test_start"),
        ({"test_start": 5}, "test_start"),
        ({"cost": -1}, "cost"),
        ({"cost": "1"}, "cost"),
        ({"gap": 0}, "gap"),
        ({"positions": "short"}, "positions"),
        ({"seed": -1}, "seed"),
        ({"symbol": ""}, "symbol"),
        ({"horizon": 5}, "horizon"),
    ],
    ids=str,
)
def test_a_question_that_is_wrong_is_answered_with_the_name_of_what_is(
    client: FlaskClient, asked: dict, said: str
) -> None:
    assert said in fault(client.post(FORECASTS, json={**ASKED, **asked}))
    assert jobs.kinds.KINDS["forecast.train"].unique == "unfinished"


def test_no_such_ticker_or_forecast_is_said(client: FlaskClient) -> None:
    answer = client.post(FORECASTS, json={**ASKED, "symbol": "NONE"})
    assert (answer.status_code, answer.get_json()["detail"]) == (404, "There is no ticker NONE.")
    for id in (7, 2**70):
        assert client.get(f"{FORECASTS}/{id}").status_code == 404
        assert client.delete(f"{FORECASTS}/{id}").status_code == 404


def test_viewers_read_and_editors_delete(client: FlaskClient, app: Flask, worker: Worker) -> None:
    id = ended(client, begun(client))["result"]["forecast"]
    viewer = signed_in(app, person("viewer"))
    assert viewer.get(f"{FORECASTS}/{id}").status_code == 200
    assert viewer.post(FORECASTS, json=ASKED).status_code == 403
    assert viewer.delete(f"{FORECASTS}/{id}").status_code == 403
    editor = signed_in(app, person("editor"))
    assert editor.delete(f"{FORECASTS}/{id}").status_code == 204
    assert listed(editor) == []
