"""The sensors that readings name: found for each request, and made where they are new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from timestack.ingest.arrays import literal
from timestack.ingest.errors import WriteError

# In characters.
LONGEST = 500
# What one request may name, and of these what may be new: a tag that varies with every point
# would make a sensor of each.
MOST_NAMED = 50_000
MOST_NEW = 1_000
# How many names a message lists.
MOST_SHOWN = 10
# Where nothing is said about it.
NOWHERE = "-"

FIND = """
select named.place, sensors.id, sensors.unit
  from unnest(%s::text[], %s::text[], %s::text[])
       with ordinality as named(type, location, name, place)
  join sensors using (type, location, name)
"""
# In one order, so that two requests never wait for each other.
MAKE = """
insert into sensors (type, location, name, unit)
select *
  from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as new(type, location, name, unit)
 order by type, location, name
    on conflict (type, location, name) do nothing
"""


class Series(NamedTuple):
    """What names a sensor; ``unit`` is None where it is not given."""

    type: str
    location: str
    name: str
    unit: str | None

    def __str__(self) -> str:
        return f"{self.type} at {self.location}: {self.name}"


class Names:
    """The series of one request, each once; rows have their places in the list."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self._places: dict[tuple, int] = {}

    def place(self, type: str, location: str, name: str, unit: str | None) -> int:
        """Return the place of a series, from 0. Raises ValueError for what cannot be a sensor."""
        key = (type, location, name, unit)
        place = self._places.get(key)
        if place is None:
            for what, given in zip(("type", "location", "name"), key, strict=False):
                _check(what, given)
            if unit is not None:
                _check("unit", unit)
            if len(self.series) >= MOST_NAMED:
                raise WriteError(f"The body names more than {MOST_NAMED:,} sensors. {_advice()}")
            place = self._places[key] = len(self.series)
            self.series.append(Series(*key))
        return place


def _advice() -> str:
    return (
        "Is there a tag that differs from point to point, such as an id or a time? It should be a"
        " field. Otherwise send fewer sensors at a time"
    )


def _check(what: str, given: str) -> None:
    if not given.strip():
        raise ValueError(f"{what}: is empty")
    if len(given) > LONGEST:
        raise ValueError(f"{what}: is longer than {LONGEST} characters")
    if not given.isprintable():
        shown = ascii(given[:60])
        raise ValueError(f"{what}: {shown} has characters that cannot be printed")


class Found(NamedTuple):
    """Ids by the place of a series, 0 where there is none; why, by place; how many are new."""

    ids: np.ndarray
    faults: dict[int, str]
    made: int

    @classmethod
    def none(cls) -> Found:
        """Of rows that name no sensors."""
        return cls(np.zeros(0, np.int64), {}, 0)


def find(
    connection: Connection, series: Sequence[Series], used: np.ndarray, *, may_make: bool
) -> Found:
    """Return the ids of the sensors of ``used`` places; those that are new are made.

    Raises WriteError for more new ones than a request may make.
    """
    ids = np.zeros(len(series), np.int64)
    units: dict[int, str] = {}
    places = used.tolist()
    _look(connection, series, places, ids, units)
    new = [place for place in places if not ids[place]]
    faults: dict[int, str] = {}
    made = 0
    if new and may_make:
        # A series in two units is one sensor.
        if len({series[place][:3] for place in new}) > MOST_NEW:
            raise WriteError(
                f"The body names {len(new):,} sensors that do not exist, and one request makes"
                f" {MOST_NEW:,} at most. {_advice()}"
            )
        _make(connection, series, new)
        _look(connection, series, new, ids, units)
        made = len({int(ids[place]) for place in new})
    for place in places:
        each = series[place]
        if not ids[place]:
            faults[place] = f"there is no sensor {str(each)!r}, and you may not make it"
        elif each.unit is not None and units[place] != each.unit:
            faults[place] = (
                f"the unit of {str(each)!r} is {units[place]!r} and not {each.unit!r}:"
                " leave the unit out, or change the sensor"
            )
            ids[place] = 0
    return Found(ids, faults, made)


def _look(
    connection: Connection,
    series: Sequence[Series],
    places: Sequence[int],
    ids: np.ndarray,
    units: dict[int, str],
) -> None:
    parts = (literal(pa.array([series[place][n] for place in places])) for n in range(3))
    for place, id, unit in connection.exec_driver_sql(FIND, tuple(parts)):
        ids[places[place - 1]] = id
        units[places[place - 1]] = unit


def _make(connection: Connection, series: Sequence[Series], places: Sequence[int]) -> None:
    # The first unit given for a sensor is its unit.
    distinct = {}
    for place in places:
        known = distinct.setdefault(series[place][:3], series[place])
        if known.unit is None:
            distinct[series[place][:3]] = series[place]
    found = list(distinct.values())
    parts = [literal(pa.array([each[n] for each in found])) for n in range(3)]
    units = literal(pa.array([each.unit or "" for each in found]))
    connection.exec_driver_sql(MAKE, (*parts, units))
