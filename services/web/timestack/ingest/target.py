"""The table that a request writes to: a hypertable that is declared in hypertables.yaml."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from psycopg2.extensions import connection as DriverConnection

from timestack.domains.load.errors import LoadError, listed
from timestack.domains.load.staging import conflict_key
from timestack.domains.load.table import Column, Table, read_table
from timestack.ingest.errors import UnknownTableError
from timestack.series import catalog
from timestack.series.catalog import Bounds
from timestack.series.sql import LARGEST
from timestack.shared.roles import APP

READINGS = "readings"
SENSOR = "sensor_id"
# What names a sensor instead of its id, in this order.
NAMES = ("type", "location", "name")
UNIT = "unit"
# Seconds for which a table is taken to be as it was: its columns change with a new release alone.
FRESH = 60.0


@dataclass(frozen=True)
class Target:
    """A hypertable; ``key`` are the columns that tell its rows apart, if any do."""

    name: str
    table: Table
    bounds: Mapping[str, Bounds]
    key: tuple[str, ...]

    @property
    def has_sensors(self) -> bool:
        """Whether its rows may name a sensor by what it is."""
        return self.name == READINGS

    @property
    def time(self) -> str:
        return self.table.time

    @property
    def columns(self) -> dict[str, Column]:
        """Those that can be written."""
        return {each.name: each for each in self.table.columns if not each.generated}

    def outside(self, name: str, value: object) -> str | None:
        """Why a value that is not a time is outside of its column's bounds; None: it is within."""
        bounds = self.bounds.get(name)
        if bounds is None or bounds.of_time or value is None or isinstance(value, str):
            return None
        low, high = limits(bounds)
        return None if low <= value <= high else f"{value!r} is out of bounds: {bounds}"

    def are_outside(self, name: str, values: np.ndarray) -> np.ndarray:
        """Which of a column's numbers are outside of its bounds."""
        bounds = self.bounds.get(name)
        if bounds is None or bounds.of_time:
            return np.zeros(len(values), bool)
        low, high = limits(bounds)
        return ~((values >= low) & (values <= high))

    def missing(self, given: Iterable[str]) -> list[str]:
        """The columns that a row must have and that are not among those given."""
        given = set(given)
        needed = [each.name for each in self.columns.values() if each.required]
        return [
            name for name in dict.fromkeys([self.time, *self.key, *needed]) if name not in given
        ]

    def known(self) -> str:
        """The columns, for a person."""
        names = [name for name in self.columns if name != SENSOR or not self.has_sensors]
        if self.has_sensors:
            names = [*names, f"{', '.join(NAMES)} and {UNIT}, or {SENSOR}"]
        return f"{self.name} has: {', '.join(listed(names))}"


def limits(bounds: Bounds) -> tuple[float, float]:
    """The least and the largest value of bounds that are not of a time."""
    largest = float(LARGEST)
    return (-largest, largest) if bounds.low is None else (bounds.low, bounds.high)


_found: dict[str, tuple[float, Target]] = {}


def kept(name: str) -> Target | None:
    """Return a table that was looked at a moment ago."""
    at, target = _found.get(name, (0.0, None))
    return target if target and time.monotonic() - at < FRESH else None


def find(connection: DriverConnection, name: str) -> Target:
    """Look at the hypertable of a name.

    Raises UnknownTableError for what is not declared, or not as one that the web may correct.
    """
    known = {
        each: table
        for each, table in catalog.current().hypertables.items()
        if "update" in table.grants.get(APP.name, ())
    }
    declared = known.get(name)
    if declared is None:
        names = ", ".join(sorted(known))
        raise UnknownTableError(f"There is no table {name[:63]!r} to write to; there are: {names}")
    try:
        table = read_table(connection, name)
    except LoadError:
        raise UnknownTableError(
            f"The table {name!r} is declared and not made yet: `make apply` makes it"
        ) from None
    try:
        key = conflict_key(table, [column.name for column in table.columns])
    except LoadError:
        # Nothing tells its rows apart: each is added.
        key = ()
    _found[name] = time.monotonic(), Target(name, table, declared.bounds, key)
    return _found[name][1]


def forget() -> None:
    """Look at the tables again: one has other columns than it had."""
    _found.clear()
