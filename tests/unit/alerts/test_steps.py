"""Steps of an alert, by whatever was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.domains.alerts.steps import Condition, Sight, step

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOOKS = st.lists(st.sampled_from(["alert", "clear", "between"]), min_size=1, max_size=60)
HOLDS = st.integers(0, 5).map(lambda minutes: minutes * MINUTE)


def seen(what: str, minute: int) -> Sight:
    return Sight(START + minute * MINUTE, what == "alert", what == "clear")


def follow(looks: list[str], hold: timedelta, clear_hold: timedelta) -> list[Condition | None]:
    """What an alert is after each look, one a minute; one that was resolved may come again."""
    found, now = [], None
    for minute, what in enumerate(looks):
        now = step(now, seen(what, minute), hold, clear_hold)
        found.append(now)
        if now and now.state == "resolved":
            now = None
    return found


@pytest.mark.parametrize(
    ("looks", "states"),
    [
        (["alert"], ["pending"]),
        (["alert", "alert", "alert"], ["pending", "pending", "firing"]),
        (["alert", "between", "alert"], ["pending", None, "pending"]),
        (["alert"] * 3 + ["clear"] * 2, ["pending"] * 2 + ["firing"] * 2 + ["resolved"]),
        (["alert"] * 3 + ["clear", "between", "clear"], ["pending"] * 2 + ["firing"] * 4),
    ],
)
def test_it_fires_and_ends_after_as_long_without_a_break(
    looks: list[str], states: list[str | None]
) -> None:
    found = follow(looks, 2 * MINUTE, MINUTE)
    assert [each and each.state for each in found] == states


@given(LOOKS, HOLDS, HOLDS)
def test_it_fires_only_when_the_condition_held_and_ends_only_when_it_was_clear(
    looks: list[str], hold: timedelta, clear_hold: timedelta
) -> None:
    before = None
    for minute, after in enumerate(follow(looks, hold, clear_hold)):
        if after and after.state == "firing" and (before is None or before.state != "firing"):
            assert looks[minute - hold // MINUTE : minute + 1] == ["alert"] * (hold // MINUTE + 1)
        if after and after.state == "resolved":
            span = clear_hold // MINUTE
            assert looks[minute - span : minute + 1] == ["clear"] * (span + 1)
        before = after


@given(LOOKS, HOLDS.filter(bool), HOLDS.filter(bool))
def test_it_never_fires_more_often_than_its_times_allow(
    looks: list[str], hold: timedelta, clear_hold: timedelta
) -> None:
    ends = [each for each in follow(looks, hold, clear_hold) if each and each.state == "resolved"]
    assert len(ends) * ((hold + clear_hold) // MINUTE) <= len(looks)


@given(LOOKS, st.sampled_from(["firing", "pending"]))
def test_looking_again_at_the_same_reading_changes_nothing(looks: list[str], state: str) -> None:
    before = Condition(state, START)
    for what in looks:
        sight = seen(what, 3)
        once = step(before, sight, 5 * MINUTE, 5 * MINUTE)
        assert step(once, sight, 5 * MINUTE, 5 * MINUTE) == once
