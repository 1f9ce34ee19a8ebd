"""Choosing a sensor, before any database is asked."""

from __future__ import annotations

import pytest

from timestack.domains.sensors import Catalogue, Sensor, UnknownSensorError

ROWS = [
    ("wind", "JFK", "speed", "mph"),
    ("wind", "JFK", "gust", "mph"),
    ("wind", "EWR", "speed", "mph"),
    ("humidity", "LGA", "relative humidity", "%"),
]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(Sensor(id, *row) for id, row in enumerate(ROWS, start=1))


def test_choices_are_distinct_and_in_order(catalogue: Catalogue) -> None:
    assert catalogue.types() == ["humidity", "wind"]
    assert catalogue.locations("wind") == ["EWR", "JFK"]
    assert catalogue.names("wind", "JFK") == ["gust", "speed"]


def test_what_does_not_occur_has_no_choices(catalogue: Catalogue) -> None:
    assert catalogue.locations("tide") == []
    assert catalogue.names("humidity", "JFK") == []


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
def test_the_nearest_sensor_keeps_what_exists_of_the_choice(
    catalogue: Catalogue, asked: tuple, got: tuple
) -> None:
    nearest = catalogue.nearest(*asked)
    assert (nearest.type, nearest.location, nearest.name) == got


def test_a_sensor_is_found_by_all_three_parts_only(catalogue: Catalogue) -> None:
    assert catalogue.find("wind", "EWR", "speed").id == 3
    with pytest.raises(UnknownSensorError, match=r"gust.*wind.*EWR"):
        catalogue.find("wind", "EWR", "gust")


def test_without_sensors_there_is_nothing_near() -> None:
    empty = Catalogue([])
    assert not empty
    with pytest.raises(UnknownSensorError):
        empty.nearest()


def test_a_heading_keeps_the_capitals_of_the_name() -> None:
    assert Sensor(1, "air", "JFK", "indoor CO2", "ppm").heading == "Indoor CO2"
