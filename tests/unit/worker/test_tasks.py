"""What the worker has registered against what may be asked of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from cronsim import CronSimError

from scripts.provision import worker
from timestack import queue
from timestack.domains.jobs import kinds, steps
from timestack.domains.jobs.kinds import Kind
from timestack.domains.jobs.schedules import Schedule, declared
from timestack.settings import Settings
from timestack.tasks import every


def test_every_kind_of_job_has_a_task_of_its_name_and_three_tasks_are_not_jobs(
    settings: None,
) -> None:
    assert worker.OWN, "those that make tables are the owner's worker's"
    ours = {name for name in every.app.tasks if not name.startswith("celery.")}
    assert ours == set(kinds.KINDS) | {"mail.send", "rollups.follow", "schedules.watch"}


def test_what_the_clock_starts_are_kinds_with_parameters_that_they_take(
    settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_INGEST", "yes")
    due = declared(Settings.load())
    usual = {"rollups.refresh", "jobs.prune", "files.drain", "usage.ingest"}
    assert {each.kind for each in due} >= usual
    assert len({each.name for each in due}) == len(due)
    for each in due:
        kinds.find(each.kind).params.model_validate(dict(each.params))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "no.such"}, kinds.UnknownKindError),
        ({"cron": "61 * * * *"}, CronSimError),
        ({"zone": "Nowhere/Else"}, ZoneInfoNotFoundError),
    ],
)
def test_a_schedule_that_could_not_run_is_refused(changes: dict[str, str], error: type) -> None:
    with pytest.raises(error):
        Schedule(**{"name": "it", "kind": "jobs.probe", "cron": "* * * * *", **changes})


def due_times(schedule: Schedule, first: datetime, last: datetime) -> list[str]:
    found = []
    while (first := schedule.next_after(first)) < last:
        found.append(f"{first:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        # At 02:00 clocks jump to 03:00, which is 01:00 UTC; from then on 02:30 is 00:30 UTC.
        (datetime(2026, 3, 28, 12, tzinfo=UTC), ["03-29 01:00", "03-30 00:30"]),
        # At 03:00 clocks go back to 02:00: 02:30 comes at 00:30 and at 01:30 UTC.
        (datetime(2026, 10, 24, 12, tzinfo=UTC), ["10-25 00:30", "10-26 01:30"]),
    ],
    ids=["the hour that is left out", "the hour that comes twice"],
)
def test_a_nightly_job_runs_once_in_the_two_odd_nights(
    first: datetime, expected: list[str]
) -> None:
    nightly = Schedule("nightly", "jobs.probe", "30 2 * * *", "Europe/Berlin")
    assert due_times(nightly, first, first + timedelta(days=2)) == expected


def test_the_wait_before_another_attempt_doubles_varies_and_has_an_end() -> None:
    first = kinds.KINDS["jobs.probe"].backoff
    for attempts, longest in ((1, first), (2, 2 * first), (3, 4 * first), (99, timedelta(hours=1))):
        waits = {steps.backoff("jobs.probe", attempts) for _ in range(50)}
        assert all(longest / 2 <= wait <= longest * 3 / 2 for wait in waits)
        assert len(waits) > 10


def test_no_kind_may_run_longer_than_redis_keeps_its_message() -> None:
    with pytest.raises(ValueError, match="longest time limit"):
        Kind("too.long", "Never ends", time_limit=queue.LONGEST + timedelta(seconds=1))
