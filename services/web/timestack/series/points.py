"""The points of a series, and how they come from the database: as arrays in binary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any

import numpy as np

# The order in which the database sends a point's aggregates.
AGGREGATES = ("min", "max", "mean", "sum", "count", "first", "last")
# Dimensions, a flag for nulls, the element's type, then length and lower bound of the dimension;
# behind that each element after its size in bytes. Source: array_send() in PostgreSQL's
# src/backend/utils/adt/arrayfuncs.c.
ARRAY_HEADER, ARRAY_ELEMENT = 20, 4 + 8


def _nothing() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class Series:
    """One key's points, oldest first; all arrays have the same length.

    ``time`` is datetime64[us] in UTC: the start of a bucket of width ``bucket``, or the time of a
    row where ``bucket`` is None; then every aggregate is the row's value, and ``count`` is 1.

    Aggregates are float64 in the value's unit. Each is over the rows of a bucket whose value is
    neither null nor NaN nor infinite; ``count`` is how many these are, and 0 makes the others NaN.
    ``mean`` is ``sum / count``: every row weighs the same, however long it stood for. ``sum`` adds
    up rows and not time: of readings in W it is W times the number of readings, and energy only
    after a multiplication by the time between two. ``first`` and ``last`` are the values of the
    earliest and the latest row. ``tables`` are those that were read, the coarsest rollup first, and
    what came since its last refresh behind it.
    """

    key: tuple[Any, ...]
    time: np.ndarray
    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray
    bucket: timedelta | None
    sum: np.ndarray = field(default_factory=_nothing)
    count: np.ndarray = field(default_factory=_nothing)
    first: np.ndarray = field(default_factory=_nothing)
    last: np.ndarray = field(default_factory=_nothing)
    tables: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time)


def collect(
    rows: Iterable[Sequence[Any]],
    keys: Mapping[str, Sequence[Any]],
    bucket: timedelta | None,
    tables: tuple[str, ...],
) -> list[Series]:
    """Return one Series per combination of ``keys``, in that order, from a row of arrays each."""
    found = {tuple(row[: len(keys)]): row[len(keys) :] for row in rows}
    result = []
    for key in product(*keys.values()):
        time, *sent = found.get(key, (None,) * (1 + len(AGGREGATES)))
        values = {name: _numbers(each, "f8") for name, each in zip(AGGREGATES, sent, strict=True)}
        time = _numbers(time, "i8").view("datetime64[us]")
        result.append(Series(key, time, bucket=bucket, tables=tables, **values))
    return result


def length(sent: memoryview | None) -> int:
    """How many elements an array has, as ``array_send`` gives it."""
    return (len(sent) - ARRAY_HEADER) // ARRAY_ELEMENT if sent else 0


def _numbers(sent: memoryview | None, kind: str) -> np.ndarray:
    """The elements of an array of eight-byte numbers without nulls, as ``array_send`` gives it."""
    if not sent:
        return np.empty(0, dtype=kind)
    elements = np.dtype([("size", ">i4"), ("value", f">{kind}")])
    return np.frombuffer(sent, dtype=elements, offset=ARRAY_HEADER)["value"].astype(kind)
