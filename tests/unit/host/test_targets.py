"""Where `make restore TO=…` leads, by what is in the repository."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scripts.host.faults import Refused
from scripts.host.targets import choose

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def at(hour: int) -> float:
    return datetime(2026, 11, 25, hour, tzinfo=UTC).timestamp()


def backup(hour: int, timeline: int = 1, lsn: int = 0, major: str = "17") -> dict:
    return {
        "label": f"20261125-{hour:02}0000F",
        "ended": at(hour),
        "bytes": 10,
        "timeline": timeline,
        "lsn": lsn or hour * 100,
        "major": major,
    }


def found(*backups: dict, histories: dict | None = None, timeline: int | None = 1) -> dict:
    return {
        "backups": list(backups),
        "ranges": [[at(2), at(9)]],
        "histories": histories or {},
        "image": {"major": "17", "timescaledb": "2.19.3"},
        "volume": {"major": "17", "timeline": timeline, "waiting": 0} if timeline else None,
    }


THREE = found(backup(2), backup(5), backup(8))
# At position 550 a restore left the first timeline, in which a backup was taken once more; the
# second has one of its own.
LEFT = found(
    backup(2), backup(5), backup(8), backup(9, timeline=2),
    histories={"2": [[1, 550]]}, timeline=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("to", "there", "kind", "label"),
    [
        ("", THREE, "default", "20261125-080000F"),
        ("2026-11-25 06:00:00+00", THREE, "time", "20261125-050000F"),
        ("2026-11-25 08:00:00+02:00", THREE, "time", "20261125-050000F"),
        ("2026-11-25T05:00:00Z", THREE, "time", "20261125-050000F"),
        ("20261125-020000F", THREE, "immediate", "20261125-020000F"),
        ("", LEFT, "default", "20261125-090000F"),
        ("2026-11-25 08:30:00+00", LEFT, "time", "20261125-050000F"),
        # By its label, what was left is there still.
        ("20261125-080000F", LEFT, "immediate", "20261125-080000F"),
    ],
)
def test_the_newest_backup_of_this_history_before_the_moment_is_taken(
    to: str, there: dict, kind: str, label: str
) -> None:
    target = choose(to, there, NOW)
    assert (target.kind, target.backup) == (kind, label)


def test_the_moment_is_handed_on_in_utc() -> None:
    target = choose("2026-11-25 08:00:00.25+02", THREE, NOW)
    assert target.value == "2026-11-25 06:00:00.250000+00"


def test_without_a_database_the_newest_backup_s_own_timeline_is_followed() -> None:
    # The second was given up: the database went on in the first.
    given_up = found(backup(2), backup(8), histories={"2": [[1, 550]]}, timeline=None)
    assert choose("", given_up, NOW).timeline == 1
    # The second was left behind by nothing: no backup was taken in it yet.
    young = found(backup(2), backup(5), histories={"2": [[1, 550]]}, timeline=None)
    assert choose("", young, NOW).timeline == 2


@pytest.mark.parametrize(
    ("to", "there", "said"),
    [
        ("2026-11-25 06:00:00", THREE, "without its zone"),
        ("2026-11-25", THREE, "without its zone"),
        ("yesterday", THREE, "neither a time nor the label"),
        ("2026-11-25 01:00:00+00", THREE, "before the first backup ended: 2026-11-25 02:00:00"),
        ("2026-11-25 09:30:00+00", THREE, "after what can be restored: 2026-11-25 09:00:00"),
        ("20261125-030000F", THREE, "is not a backup in the repository"),
        ("", found(), "holds no backup"),
        ("", found(backup(2, timeline=3)), "holds no backup of this database"),
        ("", found(backup(2, major="16")), "is of PostgreSQL 16, and this image has 17"),
    ],
)
def test_what_cannot_be_restored_is_refused_with_a_sentence(
    to: str, there: dict, said: str
) -> None:
    with pytest.raises(Refused, match=said) as caught:
        choose(to, there, NOW)
    assert caught.value.untouched


def test_a_running_database_archives_up_to_now() -> None:
    assert choose("2026-11-25 11:00:00+00", THREE, NOW, is_live=True).kind == "time"
    with pytest.raises(Refused, match="after what can be restored"):
        choose("2026-11-25 12:00:01+00", THREE, NOW, is_live=True)
