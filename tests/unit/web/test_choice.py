"""Choosing by drop-downs, before any database is asked."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import BadRequest

from timestack.dash.choice import Choice, Comparison, DropDown, Peer, nearest, options
from timestack.domains.sensors import Sensor

ROWS = [
    ("humidity", "LGA", "relative humidity"),
    ("wind", "EWR", "speed"),
    ("wind", "JFK", "gust"),
    ("wind", "JFK", "speed"),
]
CHOICE = Choice(
    "sensor",
    [DropDown(f"sensor-{each}", each.title(), each) for each in ("type", "location", "name")],
    lambda _: {row: number for number, row in enumerate(ROWS)},
)


def test_choices_are_distinct_and_in_order() -> None:
    assert options(ROWS, ()) == ["humidity", "wind"]
    assert options(ROWS, ("wind",)) == ["EWR", "JFK"]
    assert options(ROWS, ("wind", "JFK")) == ["gust", "speed"]


def test_what_does_not_occur_has_no_choices() -> None:
    assert options(ROWS, ("tide",)) == []
    assert options(ROWS, ("humidity", "JFK")) == []


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ((None, None, None), ("humidity", "LGA", "relative humidity")),
        (("wind", None, None), ("wind", "EWR", "speed")),
        (("wind", "JFK", None), ("wind", "JFK", "gust")),
        (("wind", "JFK", "speed"), ("wind", "JFK", "speed")),
        (("wind", "LGA", "relative humidity"), ("wind", "EWR", "speed")),
        (("wind", "EWR", "gust"), ("wind", "EWR", "speed")),
        (("tide", "JFK", "speed"), ("humidity", "LGA", "relative humidity")),
    ],
)
def test_the_nearest_row_keeps_what_exists_of_the_choice(asked: tuple, got: tuple) -> None:
    assert nearest(ROWS, asked) == got


def test_a_row_is_found_by_all_of_its_parts_only() -> None:
    assert CHOICE.find(None, ("wind", "EWR", "speed")) == 1
    with pytest.raises(BadRequest, match="no sensor “wind, EWR, gust”"):
        CHOICE.find(None, ("wind", "EWR", "gust"))


def test_an_address_that_asks_for_what_is_not_there_is_named_as_it_was_asked() -> None:
    wanted = CHOICE.wanted({"type": "wind", "name": "tide", "range": "7d"})
    assert wanted == ("wind", None, "tide")
    assert "asks for type “wind”, name “tide”, and there is no such sensor" in CHOICE.unknown(
        wanted
    )


def test_a_heading_keeps_the_capitals_of_the_name() -> None:
    assert Sensor(1, "air", "JFK", "indoor CO2", "ppm").heading == "Indoor CO2"


def test_the_last_drop_down_calls_what_it_offers_as_it_is_asked_to() -> None:
    choice = Choice("sensor", CHOICE.drop_downs, CHOICE.offers, called="number {}".format)
    card = choice.card(CHOICE.offers(None), ("wind", "JFK", "speed"))
    kind, place, name = (field.children[1] for field in card.children[:3])
    assert (kind.options, place.options) == (["humidity", "wind"], ["EWR", "JFK"])
    assert name.options == [
        {"label": "number 2", "value": "gust"},
        {"label": "number 3", "value": "speed"},
    ]
    assert name.value == "speed"


# Beside the choice

BESIDE = Choice(
    "sensor",
    CHOICE.drop_downs,
    lambda _: {row: row for row in ROWS},
    Comparison("beside", "Beside", "beside", lambda row: Peer("-".join(row[1:]), row[1], row[0])),
)
GUST, SPEED = ROWS[2], ROWS[3]


def test_what_is_compared_comes_behind_the_choice_each_once() -> None:
    wanted = BESIDE.wanted_beside({"beside": "EWR-speed,JFK-speed,EWR-speed,"})
    assert BESIDE.find(None, [*GUST, wanted]) == [GUST, ROWS[1], SPEED]
    assert BESIDE.find(None, [*GUST, []]) == [GUST]
    assert BESIDE.wanted_beside({}) == CHOICE.wanted_beside({"beside": "x"}) == []


@pytest.mark.parametrize("key", ["JFK-gust", "LGA-relative humidity", "", "x"])
def test_only_others_of_its_group_are_compared(key: str) -> None:
    with pytest.raises(BadRequest, match="to compare this one with"):
        BESIDE.find(None, [*GUST, [key]])


def test_a_chart_has_no_more_lines_than_colours() -> None:
    rows = {("wind", "JFK", str(number)): number for number in range(8)}
    peer = lambda number: Peer(str(number), "", "")  # noqa: E731
    many = Choice("sensor", CHOICE.drop_downs, lambda _: rows, Comparison("b", "B", "b", peer))
    assert many.find(None, ["wind", "JFK", "0", list("12345")]) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(BadRequest, match="5 at most"):
        many.find(None, ["wind", "JFK", "0", list("123456")])
