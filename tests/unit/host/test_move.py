"""What TO= names, and which version is older."""

from __future__ import annotations

import pytest

from scripts.host import images, move, versions
from scripts.host.versions import Version

NOW = Version((17, 6), (2, 19, 3), "apache")


@pytest.mark.parametrize(
    ("to", "base", "suite"),
    [
        ("trixie", "", ""),
        ("forky", "timestack/python-forky", "forky"),
        ("timescale/timescaledb-ha:pg17", "timescale/timescaledb-ha:pg17", ""),
    ],
)
def test_a_word_is_a_suite_of_debian_and_anything_else_an_image(
    to: str, base: str, suite: str
) -> None:
    assert move.base_of(to) == base
    assert images.suite_of(base) == suite


@pytest.mark.parametrize(
    ("postgresql", "timescaledb", "is_older"),
    [
        ((17, 6), (2, 19, 3), False),
        ((18, 1), (2, 31, 0), False),
        # A minor release has the same files.
        ((17, 2), (2, 19, 3), False),
        ((16, 9), (2, 31, 0), True),
        ((18, 1), (2, 9, 0), True),
    ],
)
def test_an_older_release_of_either_is_older(
    postgresql: tuple[int, ...], timescaledb: tuple[int, ...], is_older: bool
) -> None:
    assert Version(postgresql, timescaledb, "apache").older_than(NOW) == is_older


def test_versions_are_written_for_a_person() -> None:
    assert str(NOW) == "PostgreSQL 17.6 with TimescaleDB 2.19.3 (Apache-2)"


def test_what_a_database_says_of_itself_is_read() -> None:
    said = "PostgreSQL 18.6 (Debian 18.6-3)\n2.31.0\ntimescale\n"
    found = versions.of_database(lambda statements: said)
    assert found == Version((18, 6), (2, 31, 0), "timescale")


def test_another_suite_comes_from_the_same_mirror() -> None:
    full, main = images.package_lines({"ID": "debian"}, suite="forky")
    assert all(" forky" in line for line in (*full, *main))
