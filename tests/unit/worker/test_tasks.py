"""What the worker has registered against what may be asked of it."""

from __future__ import annotations

from timestack import tasks
from timestack.domains import jobs


def test_every_kind_of_job_has_a_task_of_its_name(settings: None) -> None:
    assert set(jobs.KINDS) <= set(tasks.app.tasks)


def test_everything_on_the_schedule_is_registered(settings: None) -> None:
    due = {entry["task"] for entry in tasks.app.conf.beat_schedule.values()}
    assert due <= set(tasks.app.tasks)
    assert due >= {"rollups.refresh", "jobs.sweep", "certificates.check"}
