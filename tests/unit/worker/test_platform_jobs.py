"""When usage is taken in, and the message when the platform cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from timestack.domains.jobs import schedules
from timestack.domains.jobs.kinds import Params
from timestack.domains.jobs.schedules import Schedule
from timestack.settings import Settings, SettingsError
from timestack.tasks import platform


def scheduled() -> dict[str, Schedule]:
    """What the clock starts with the environment of now, by kind."""
    return {each.kind: each for each in schedules.declared(Settings.load())}


def nothing(fraction: float, message: str) -> None:
    raise AssertionError("the work has begun")


def test_no_platform_is_asked_by_night_unless_told_so(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "usage.ingest" not in scheduled()
    monkeypatch.setenv("PLATFORM_INGEST", "no")
    assert "usage.ingest" not in scheduled()


def test_usage_is_taken_in_each_night_at_two(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    entry = scheduled()["usage.ingest"]
    before = datetime(2025, 3, 30, 1, 59, 50, tzinfo=UTC)
    assert entry.next_after(before) == datetime(2025, 3, 30, 2, 0, tzinfo=UTC)
    assert entry.next_after(before + timedelta(seconds=10)) == datetime(2025, 3, 31, 2, tzinfo=UTC)


def test_without_a_token_the_job_says_where_to_write_it(settings: None) -> None:
    with pytest.raises(platform.NoPlatformError, match=r"write it to platform_password"):
        platform.usage(None, nothing, Params())


@pytest.mark.parametrize("work", [platform.usage, platform.companies])
def test_production_sends_no_token_in_clear_text(
    settings: None, monkeypatch: pytest.MonkeyPatch, work
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    with pytest.raises(platform.NoPlatformError, match=r"begins with https://"):
        work(None, nothing, Params())


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
def test_only_the_simulated_platform_is_asked_by_itself(
    settings: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().seeds_from_platform is asked
