"""What is made of pgBackRest's lists: unbroken runs of WAL, the times to restore to, damage."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "services" / "timescaledb"
HASH = "0" * 40


@pytest.fixture(scope="module")
def archive():
    spec = importlib.util.spec_from_file_location("archive", FOLDER / "archive.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        spec.loader.exec_module(module)
    return module


def listed(*segments: tuple[str, str, int]) -> dict:
    """`pgbackrest repo-ls` of segments, each its archive, name and time, and of what is beside."""
    found = {
        "archive/timestack/archive.info": {"type": "file", "size": 1, "time": 99},
        f"archive/timestack/17-1/{'0' * 16}/{'0' * 24}.00000028.backup": {"type": "file"},
    }
    for id, name, at in segments:
        path = f"archive/timestack/{id}/{name[:16]}/{name}-{HASH}.zst"
        found[path] = {"type": "file", "size": 2, "time": at}
    return found


def name(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


def backup(first: int, last: int, ended: int, cluster: int = 1) -> dict:
    return {"first": name(first), "last": name(last), "ended": ended, "cluster": cluster}


def test_wal_is_one_run_over_the_end_of_a_log_file(archive) -> None:
    runs = archive.unbroken(listed(*(("17-1", name(n), n) for n in (254, 255, 256, 257))))
    assert [(run["first"], run["last"], run["to"]) for run in runs] == [(name(254), name(257), 257)]


def test_a_hole_ends_a_run(archive) -> None:
    runs = archive.unbroken(listed(*(("17-1", name(n), n) for n in (1, 2, 4, 5))))
    assert [(run["first"], run["last"]) for run in runs] == [
        (name(1), name(2)),
        (name(4), name(5)),
    ]


def test_a_timeline_goes_on_where_it_left_another(archive) -> None:
    segments = [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2)]
    runs = archive.unbroken(listed(*(("17-1", name(*each), each[0]) for each in segments)))
    assert [run["last"] for run in runs] == [name(4, 2)]


def test_clusters_are_apart_and_in_order(archive) -> None:
    segments = [(f"17-{cluster}", name(1), cluster) for cluster in (10, 2, 1)]
    assert [run["cluster"] for run in archive.unbroken(listed(*segments))] == [1, 2, 10]


def test_one_restores_from_the_oldest_backup_of_a_run_to_its_newest_wal(archive) -> None:
    runs = archive.unbroken(listed(*(("17-1", name(n), n * 10) for n in (1, 2, 3, 5, 6, 7, 9))))
    backups = [backup(2, 2, 22), backup(3, 3, 33), backup(6, 7, 71)]
    assert archive.ranges(backups, runs) == [[22, 33], [71, 71]]
    assert not archive.is_unbroken(backups, runs)
    assert archive.is_unbroken([*backups, backup(9, 9, 95)], runs)


def test_wal_without_a_backup_restores_nothing(archive) -> None:
    runs = archive.unbroken(listed(("17-1", name(1), 1)))
    assert archive.ranges([], runs) == []
    assert archive.ranges([backup(1, 1, 1, cluster=2)], runs) == []
    assert archive.is_unbroken([], runs)


def test_a_new_cluster_has_no_backup_that_goes_on(archive) -> None:
    runs = archive.unbroken(listed(("17-1", name(1), 1), ("18-2", name(1), 2)))
    assert not archive.is_unbroken([backup(1, 1, 1)], runs)


REPORT = """\
P00   INFO: verify command begin 2.55.1
P01   INFO: invalid checksum '20261127-130641F/bundle/1'
stanza: timestack
status: error
  archiveId: 17-1, total WAL checked: 3, total valid WAL: 3
  backup: 20261127-130641F, status: invalid, total files checked: 1365, total valid files: 1364
    missing: 0, checksum invalid: 1, size invalid: 0, other: 0
"""


def test_damage_has_its_place(archive) -> None:
    assert archive.verified(REPORT) == {
        "files": 1365,
        "segments": 3,
        "damaged": ["invalid checksum '20261127-130641F/bundle/1'"],
    }


def test_damage_without_a_place_is_damage(archive) -> None:
    text = REPORT.replace("INFO: invalid checksum", "INFO: something")
    assert archive.verified(text)["damaged"] != []


def test_a_whole_repository_is_not_damaged(archive) -> None:
    text = REPORT.replace("INFO: invalid checksum", "INFO: x").replace(
        "status: error", "status: ok"
    )
    text = text.replace("status: invalid", "status: valid").replace("invalid: 1", "invalid: 0")
    assert archive.verified(text)["damaged"] == []
