"""When usage is taken in, and the message when the platform cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from timestack.domains.jobs import kinds, requests, schedules
from timestack.domains.jobs.kinds import UsageParams
from timestack.domains.jobs.schedules import Schedule
from timestack.domains.platform import ingest
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


# Clocks go forward in March and back in October or November.
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Europe/Lisbon", "America/New_York"])
@pytest.mark.parametrize("at", ["00:00", "02:00", "02:30", "23:59"])
@pytest.mark.parametrize("month", [3, 10])
def test_each_night_takes_in_the_last_day_that_ended_also_when_clocks_are_changed(
    settings: None, monkeypatch: pytest.MonkeyPatch, zone: str, at: str, month: int
) -> None:
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    monkeypatch.setenv("PLATFORM_INGEST_AT", at)
    monkeypatch.setenv("PLATFORM_INGEST_ZONE", zone)
    entry = scheduled()["usage.ingest"]
    nights = [entry.next_after(datetime(2026, month, 1, 12, tzinfo=UTC))]
    while len(nights) < 40:
        nights.append(entry.next_after(nights[-1]))
    # One each night of the zone.
    dates = [night.astimezone(ZoneInfo(zone)).date() for night in nights]
    assert dates == [dates[0] + timedelta(days=n) for n in range(40)]
    taken = [platform.last_ended_day(night) for night in nights]
    for night, day in zip(nights, taken, strict=True):
        assert timedelta(0) <= night - datetime.combine(day, time.max, UTC) < timedelta(days=1)
    # Where an odd night skips a day of UTC, the days asked for again have it.
    assert all(later - day <= ingest.OVERLAP for day, later in pairwise(taken))


def test_without_a_token_the_job_says_where_to_write_it(settings: None) -> None:
    with pytest.raises(platform.NoPlatformError, match=r"write it to platform_password"):
        platform.usage(None, nothing, UsageParams())


@pytest.mark.parametrize("work", [platform.usage, platform.companies, platform.refresh_manifest])
def test_production_asks_nothing_in_clear_text(
    settings: None, monkeypatch: pytest.MonkeyPatch, work
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    with pytest.raises(platform.NoPlatformError, match=r"begins with https://"):
        work(None, nothing, UsageParams())


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
        ({"COMPOSE_PROFILES": "dev"}, True),
        ({"COMPOSE_PROFILES": "test"}, True),
        ({"COMPOSE_PROFILES": "metrics"}, False),
        ({"COMPOSE_PROFILES": "dev,metrics"}, True),
        ({"COMPOSE_PROFILES": "dev", "SEED": "no"}, False),
        ({"COMPOSE_PROFILES": "dev", "PLATFORM_URL": "https://media.example.org"}, False),
        ({"COMPOSE_PROFILES": "dev", "TIMESTACK_ENV": "production"}, False),
    ],
    ids=str,
)
def test_only_the_simulated_platform_is_asked_by_itself(
    settings: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().seeds_from_platform is asked
    # Asked for its manifest also where nothing is seeded.
    assert ("manifest.refresh" in scheduled()) is (asked or variables.get("SEED") == "no")


def test_another_platform_is_asked_for_its_manifest_only_where_usage_is_taken_in(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMESTACK_ENV", "production")
    monkeypatch.setenv("PLATFORM_URL", "https://media.example.org")
    assert "manifest.refresh" not in scheduled()
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    assert scheduled()["manifest.refresh"].cron == "*/5 * * * *"


def test_a_parameter_that_is_left_out_and_its_default_are_the_same_request() -> None:
    # The job that seeds a database was submitted before usage had parameters.
    kind = kinds.find("usage.ingest")
    assert requests._check(kind, {}) == requests._check(kind, {"days": None}) == {}
    assert requests._check(kind, {"days": 7}) == {"days": 7}
