"""The sentence says what the intervals allow, and no more."""

from __future__ import annotations

import pytest

from timestack.domains.forecast.sentence import LUCK, sentence, shown
from timestack.domains.forecast.verdict import Interval

ABOVE = Interval(value=0.0012, low=0.0003, high=0.0021)
ACROSS = Interval(value=-0.0002, low=-0.0005, high=0.0001)
BELOW = Interval(value=-0.002, low=-0.003, high=-0.001)
NOTHING = Interval(value=0, low=0, high=0)


@pytest.mark.parametrize("excess", [ABOVE, ACROSS, BELOW, NOTHING])
@pytest.mark.parametrize("edge", [ABOVE, ACROSS, BELOW, NOTHING])
def test_skill_needs_both_intervals_above_nothing(excess: Interval, edge: Interval) -> None:
    text = sentence(500, excess, edge, 0.52, 0.51)
    skill = excess is ABOVE and edge is ABOVE
    assert shown(excess, edge) == skill
    assert text.startswith("Skill shown, on this test part: " if skill else "No skill shown: ")
    assert (LUCK in text) == skill
    assert "-" not in text.lower().replace("buy-and-hold", "")


def test_the_figures_are_in_percent_with_their_intervals() -> None:
    edge = Interval(value=-0.008, low=-0.031, high=0.0004)
    assert sentence(1046, ACROSS, edge, 0.512, 0.52) == (
        "No skill shown: over 1,046 days that it had not seen, the model made 0.02 % a day less "
        "than buy-and-hold after costs (95 % interval −0.05 to 0.01 %) and had 51.2 % of "
        "directions right where always saying up has 52.0 % (difference −0.8 points, 95 % "
        "interval −3.1 to 0.0). Chance alone explains it."
    )


@pytest.mark.parametrize(
    ("excess", "edge", "why"),
    [
        (NOTHING, NOTHING, "It said up every day, which is buy-and-hold."),
        (BELOW, BELOW, "Both are worse, by more than chance."),
        (BELOW, ACROSS, "Buy-and-hold was better, by more than chance."),
        (ABOVE, ACROSS, "What it made more may be chance, since it told directions no better."),
        (
            ACROSS,
            ABOVE,
            "It told directions better, but that made no more money than chance might.",
        ),
        (ACROSS, ACROSS, "Chance alone explains it."),
    ],
)
def test_why_it_is_not_skill_is_said(excess: Interval, edge: Interval, why: str) -> None:
    assert sentence(500, excess, edge, 0.52, 0.51).endswith(why)
