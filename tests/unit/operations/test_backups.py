"""What is said of backups, by what the server knows of them."""

from __future__ import annotations

import pytest

from timestack.domains.backups import State
from timestack.domains.operations import backup_alarm, backups

NOW = 1_000_000.0
HOUR = 3600.0


def state(**changes) -> State:
    """All is well; of the archiver and of what was found, these differ."""
    archiver = {
        "on": True,
        "archived": "3",
        "archived_at": NOW - 20,
        "failed_at": None,
        "waiting": 0,
        "made_at": NOW - 100 * HOUR,
    }
    found = {
        "error": "",
        "backups": [{"ended": NOW - 30 * HOUR}, {"ended": NOW - 2 * HOUR}],
        "archive": {"archived": "3", "newest": "3"},
        "is_unbroken": True,
    }
    for part in (archiver, found):
        part.update({name: changes.pop(name) for name in list(changes) if name in part})
    return State(changes.pop("run", {}), found, archiver, NOW)


def test_the_newest_backup_counts() -> None:
    assert backups.age(state()) == 2 * HOUR


def test_without_one_the_age_is_that_of_the_cluster() -> None:
    assert backups.age(state(backups=[])) == 100 * HOUR
    assert backups.age(State({}, {}, state().archiver, NOW)) == 100 * HOUR


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 20),
        # Nothing waits, so that nothing older than a minute is outside the archive.
        ({"archived_at": NOW - HOUR}, 60),
        ({"archived_at": NOW - HOUR, "waiting": 1}, HOUR),
    ],
)
def test_the_archive_is_as_old_as_what_waits_for_it(changes: dict, seconds: float) -> None:
    assert backups.archive_age(state(**changes)) == seconds


@pytest.mark.parametrize(
    ("changes", "fault", "wanted"),
    [
        ({}, "", ""),
        ({"error": "another key"}, "another key", ""),
        ({"failed_at": NOW - 5}, "WAL cannot be archived", ""),
        ({"failed_at": NOW - 500}, "", ""),
        ({"archive": {"archived": "5", "newest": "3"}}, "WAL was dropped", "diff"),
        ({"is_unbroken": False}, "WAL since the newest backup is missing", "diff"),
        ({"backups": []}, "", "full"),
        ({"backups": [], "failed_at": NOW - 5}, "WAL cannot be archived", ""),
        ({"on": False, "backups": []}, "", ""),
    ],
)
def test_what_is_wrong_and_the_backup_that_repairs_it(
    changes: dict, fault: str, wanted: str
) -> None:
    seen = state(**changes)
    assert backups.archive_fault(seen).startswith(fault)
    assert bool(backups.archive_fault(seen)) == bool(fault)
    assert backup_alarm.missing(seen) == wanted


def test_while_one_runs_no_other_is_asked_for() -> None:
    running = {"state": "running", "at": NOW - 1, "command": "take full"}
    assert backup_alarm.missing(state(run=running, backups=[])) == ""
    silent = {**running, "at": NOW - HOUR}
    assert backup_alarm.missing(state(run=silent, backups=[])) == "full"
