"""The host's half of `make jobs` and `make ingest`: what reaches the worker's container."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.host import __main__ as host
from scripts.host import database

SHELL = ("worker", "python", "-m", "timestack.shell", "jobs")


class Worker:
    """Stands for Compose: notes what it is to run, and answers with a status."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def run(self, *words: str) -> int:
        self.ran.append(words)
        return 2


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    found = Worker()

    def running(root: Path, *, service: str) -> Worker:
        assert service == "worker"
        return found

    monkeypatch.setattr(database, "running", running)
    return found


def test_what_is_typed_reaches_the_shell_and_its_status_comes_back(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGS", "submit jobs.probe 'mark=two words' --wait")
    assert host.main(["jobs"]) == 2
    monkeypatch.delenv("ARGS")
    host.main(["jobs"])
    assert worker.ran == [
        ("exec", "-T", *SHELL, "submit", "jobs.probe", "mark=two words", "--wait"),
        ("exec", "-T", *SHELL),
    ]


@pytest.mark.parametrize(
    ("days", "chosen"), [("", []), ("1", ["days=1"]), ("180", ["days=180"]), ("007", ["days=7"])]
)
def test_usage_of_some_days_or_of_what_is_missing_is_taken_in(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, days: str, chosen: list[str]
) -> None:
    monkeypatch.setenv("DAYS", days)
    host.main(["ingest"])
    assert worker.ran == [("exec", "-T", *SHELL, "submit", "usage.ingest", *chosen, "--wait")]


@pytest.mark.parametrize("days", ["0", "181", "-1", "1.5", "x", "١٢", "1 2", "9" * 5000])
def test_other_days_are_refused_before_anything_runs(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, days: str
) -> None:
    monkeypatch.setenv("DAYS", days)
    assert host.main(["ingest"]) == 1
    assert "from 1 to 180" in capsys.readouterr().err
    assert worker.ran == []
