"""When usage is taken in, and the message when the platform cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery, signals

from timestack import queue
from timestack.domains import jobs
from timestack.settings import Settings, SettingsError
from timestack.tasks import platform


def scheduled() -> dict[str, dict]:
    """The schedule of an application that reads the environment now, by task."""
    fresh = Celery("test", set_as_current=False)
    fresh.add_defaults(queue._configuration)
    return {entry["task"]: entry for entry in fresh.conf.beat_schedule.values()}


def nothing(fraction: float, message: str) -> None:
    raise AssertionError("the work has begun")


def test_no_platform_is_asked_by_night_unless_told_so(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "usage.ingest" not in scheduled()
    monkeypatch.setenv("PLATFORM_INGEST", "no")
    assert "usage.ingest" not in scheduled()


def test_usage_is_taken_in_each_night_at_two_and_the_message_is_good_until_the_next(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    entry = scheduled()["usage.ingest"]
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({2}, {0})
    assert entry["options"]["expires"] == timedelta(days=1).total_seconds()
    entry["schedule"].nowfun = lambda: datetime(2025, 3, 30, 1, 59, 50, tzinfo=UTC)
    due, seconds = entry["schedule"].is_due(datetime(2025, 3, 29, 2, 0, tzinfo=UTC))
    assert not due
    assert seconds == pytest.approx(10, abs=1)


def test_without_a_token_the_job_says_where_to_write_it(settings: None) -> None:
    with pytest.raises(platform.NoPlatformError, match=r"write it to platform_password"):
        platform.usage(None, nothing)


@pytest.mark.parametrize("work", [platform.usage, platform.companies])
def test_production_sends_no_token_in_clear_text(
    settings: None, monkeypatch: pytest.MonkeyPatch, work
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    with pytest.raises(platform.NoPlatformError, match=r"begins with https://"):
        work(None, nothing)


def test_production_does_not_start_where_every_night_would_fail(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    with pytest.raises(SettingsError, match=r"PLATFORM_URL.*production wants https"):
        Settings.load()
    monkeypatch.setenv("PLATFORM_URL", "https://media.example.org")
    assert Settings.load().platform_ingest


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        ({"PLATFORM_PROFILE": "dev"}, True),
        ({"PLATFORM_PROFILE": "test"}, True),
        ({"PLATFORM_PROFILE": "no"}, False),
        ({"PLATFORM_PROFILE": "dev", "SEED": "no"}, False),
        ({"PLATFORM_PROFILE": "dev", "PLATFORM_URL": "https://media.example.org"}, False),
        ({"PLATFORM_PROFILE": "dev", "TIMESTACK_ENV": "production"}, False),
    ],
    ids=str,
)
def test_a_worker_that_starts_asks_the_simulated_platform_alone(
    settings: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(queue, "send", lambda task, queue: sent.append((task, queue)))
    signals.worker_ready.send(sender=None)
    assert sent == ([("platform.seed", queue.PERIODIC)] if asked else [])


def test_it_is_asked_for_usage_and_companies_under_ids_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submitted: list[dict] = []
    monkeypatch.setattr(jobs, "submit", lambda kind, id: submitted.append({"kind": kind, "id": id}))
    platform.seed()
    platform.seed()
    first, again = submitted[:2], submitted[2:]
    assert {each["kind"] for each in first} == {"usage.ingest", "companies.fetch"}
    assert first[0]["id"] != first[1]["id"]
    assert again == first
