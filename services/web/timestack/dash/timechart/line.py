"""What a time chart draws: lines, each a series that the API is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from timestack.series import uploaded
from timestack.series.extent import Extent, extent


@dataclass(frozen=True)
class Band:
    """A time that stands out, such as that of an alert, ``end`` None where it goes on.

    ``low`` and ``high`` are thresholds of the values, None where there is none; times are in UTC.
    """

    start: datetime
    end: datetime | None
    label: str
    low: float | None = None
    high: float | None = None


Bands = Callable[[datetime, datetime], Sequence[Band]]


@dataclass(frozen=True)
class Line:
    """One line over time, with a title and a unit such as "W".

    ``table``, ``keys`` (a value for each key column), ``value`` and ``over_keys`` are what
    ``/api/v1/series`` is asked for, as in `series.query`. ``extent`` is the whole range; None where
    there is nothing yet. ``quantity`` names the vertical axis, by default as the title; ``label``
    the line, where a chart has several. ``levels`` are the widths of the rollups that may answer,
    which the caption names. ``bands(start, end)`` returns what stands out within a range.
    """

    title: str
    unit: str
    table: str
    keys: Mapping[str, Any]
    extent: Extent | None
    quantity: str = ""
    value: str | None = None
    over_keys: Literal["rows", "sum", "each"] = "rows"
    label: str = ""
    levels: tuple[timedelta, ...] = ()
    bands: Bands | None = None


def hypertable_line(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    *,
    title: str,
    unit: str,
    quantity: str = "",
    value: str | None = None,
    over_keys: Literal["rows", "sum", "each"] = "rows",
    label: str = "",
    bands: Bands | None = None,
) -> Line:
    """Return the line of one value of a hypertable, with its extent; all else is as in Line.

    ``value`` may be left out where the table declares only one.
    """
    rollups = uploaded.find(session, table).hypertables[table].rollups
    levels = tuple(sorted({level for rollup in rollups for level in rollup.levels}))
    whole = extent(session, table, keys)
    return Line(title, unit, table, keys, whole, quantity, value, over_keys, label, levels, bands)
