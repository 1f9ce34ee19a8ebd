"""Times that PostgreSQL has and Python has not."""

from __future__ import annotations

import pytest

from scripts.provision.state import day


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "1970-01-01"),
        (86399.9, "1970-01-01"),
        (-1.0, "1969-12-31"),
        (316516204800.0, "12000-01-01"),
        # The year before the year 1 is 0, so 44 BC is -43.
        (-63517824000.0, "-043-03-15"),
        (float("inf"), "infinity"),
        (float("-inf"), "-infinity"),
    ],
)
def test_a_day_is_told_wherever_in_time_it_is(seconds: float, expected: str) -> None:
    assert day(seconds) == expected
