"""Times: the column-wise check and the one by cell say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.domains.load.columnar import Columnar
from timestack.domains.load.layout import Layout
from timestack.domains.load.records import Block
from timestack.domains.load.table import Column
from timestack.domains.load.times import EARLIEST, Rules

LATEST = datetime(2036, 1, 1, tzinfo=UTC)
COLUMNS = (
    Column("time", "timestamp with time zone", "timestamptz", True, True, False),
    Column("value", "double precision", "float8", False, False, False),
)
NEW_YORK = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def columnar(zone: ZoneInfo | None) -> Columnar:
    return Columnar(Layout(COLUMNS, ",", Rules(zone, EARLIEST, LATEST), "time"))


def check(text: str, zone: ZoneInfo | None = None) -> list[int] | None:
    found = columnar(zone).check(Block(1, 0, text.encode(), text.count("\n")))
    return None if found is None else found.times.tolist()


OFFSETS = st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60)
)


@given(st.datetimes(datetime(1890, 1, 1), datetime(2040, 1, 1), timezones=OFFSETS))  # noqa: DTZ001
def test_a_time_with_an_offset_means_the_same_to_both(time: datetime) -> None:
    cell = time.isoformat()
    found = check(f"{cell},1\n")
    try:
        read = Rules(None, EARLIEST, LATEST).read(cell)
    except ValueError:
        assert found is None
    else:
        assert found == [(read - EPOCH) // timedelta(microseconds=1)]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_a_local_time_means_the_same_to_both(time: datetime) -> None:
    cell = time.isoformat(" ")
    found = check(f"{cell},1\n", NEW_YORK)
    try:
        read = Rules(NEW_YORK, EARLIEST, LATEST).read(cell)
    except ValueError:
        assert found is None
    else:
        assert found == [(read - EPOCH) // timedelta(microseconds=1)]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("2026-03-08 02:30", "was skipped"),
        ("2026-11-01 01:30", "came twice"),
    ],
)
def test_hours_that_clocks_skip_or_repeat_are_told_apart(cell: str, reason: str) -> None:
    assert check(f"{cell},1\n", NEW_YORK) is None
    with pytest.raises(ValueError, match=reason):
        Rules(NEW_YORK, EARLIEST, LATEST).read(cell)


@pytest.mark.parametrize("cell", ["2026-01-01", "2026-01-01T00:00", "now", "", "1767225600"])
def test_what_has_no_offset_needs_a_closer_look(cell: str) -> None:
    expected = [0] if cell == "" else None
    assert check(f"{cell},1\n") == expected


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-Infinity"])
def test_what_is_no_number_needs_a_closer_look(value: str) -> None:
    assert check(f"2026-01-01T00:00:00Z,{value}\n") is None


def test_a_zone_serves_times_with_and_without_offset_block_by_block() -> None:
    both = columnar(NEW_YORK)
    local = both.check(Block(1, 0, b"2026-01-01 00:00,1\n", 1)).times.tolist()
    aware = both.check(Block(1, 0, b"2026-01-01T05:00:00Z,1\n", 1)).times.tolist()
    assert local == aware


@given(st.integers(0, 2**62), st.sampled_from(["s", "ms", "us", "ns"]))
def test_a_number_of_a_unit_means_the_same_to_both(count: int, unit: str) -> None:
    rules = Rules(None, EARLIEST, LATEST, epoch=unit)
    found = Columnar(Layout(COLUMNS, ",", rules, "time")).check(
        Block(1, 0, f"{count},1\n".encode(), 1)
    )
    try:
        read = rules.read(str(count))
    except ValueError:
        assert found is None
    else:
        assert abs(found.times[0] - (read - EPOCH) // timedelta(microseconds=1)) <= 1
        assert found.rounded == rules.rounds(str(count))


@given(st.integers(-(10**18), 10**18))
def test_nanoseconds_are_rounded_alike(nanoseconds: int) -> None:
    whole, part = divmod(nanoseconds, 10**9)
    cell = f"{(EPOCH + timedelta(seconds=whole)).isoformat()[:19]}.{part:09}Z"
    rules = Rules(None, datetime(1, 1, 1, tzinfo=UTC), LATEST)
    checked = Columnar(Layout(COLUMNS, ",", rules, "time")).check(
        Block(1, 0, f"{cell},1\n".encode(), 1)
    )
    read = rules.read(cell)
    assert checked.times.tolist() == [(read - EPOCH) // timedelta(microseconds=1)]
    assert checked.rounded == rules.rounds(cell) == bool(nanoseconds % 1000)
