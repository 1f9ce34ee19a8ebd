"""What a time chart draws: one line, and how any part of it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from timestack.series import catalog
from timestack.series.extent import Extent, extent
from timestack.series.query import MICROSECOND, Series, query

DAY = timedelta(days=1)
# A chart is at most this many points wide, on any screen.
FEWEST_POINTS, MOST_POINTS = 200, 2400


@dataclass(frozen=True)
class Rows:
    """The rows that a line is drawn from: those of a hypertable with these values of its keys."""

    table: str
    keys: Mapping[str, Any]


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


def no_bands(start: datetime, end: datetime) -> Sequence[Band]:
    """Return none, for a line of which nothing stands out."""
    return ()


@dataclass(frozen=True)
class Line:
    """One line over time, with a title and a unit such as "W".

    ``read(start, end, points)`` returns what is in a range, both ends inclusive and in UTC, as at
    most 2 x ``points`` points. ``extent`` is the whole range; None where there is nothing yet.
    ``quantity`` names the vertical axis, by default as the title. ``levels`` are the widths of the
    rollups that ``read`` chooses from, which the caption names. ``rows`` are what can be downloaded
    of it; None where nothing can. ``bands(start, end)`` returns what stands out within a range.
    """

    title: str
    unit: str
    read: Callable[[datetime, datetime, int], Series]
    extent: Extent | None
    quantity: str = ""
    levels: tuple[timedelta, ...] = ()
    rows: Rows | None = None
    bands: Bands = no_bands

    @property
    def axis(self) -> str:
        """The vertical axis: "Power (W)"."""
        return f"{self.quantity or self.title} ({self.unit})"

    def with_width(self) -> Line:
        """The same; of one instant, which no axis can be drawn of, a day around it."""
        if self.extent.first < self.extent.last:
            return self
        extent = Extent(self.extent.first - DAY / 2, self.extent.last + DAY / 2)
        return replace(self, extent=extent)

    @cached_property
    def days(self) -> Series:
        """The whole of it, a point a day or fewer; only where there is an extent."""
        first, last = self.extent.first, self.extent.last
        # Never more points than whole days, so that a bucket is a day or several.
        return self.read(first, last, min(max((last - first) // DAY, 1), MOST_POINTS))


def hypertable_line(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    *,
    title: str,
    unit: str,
    quantity: str = "",
    value: str | None = None,
    bands: Bands = no_bands,
) -> Line:
    """Return the line of one value of each key column of a hypertable, read as `series.query` does.

    It can be read for as long as the session is open. ``value`` is the column to read; it may be
    left out where the table declares only one. ``bands`` is as in Line.
    """

    def read(start: datetime, end: datetime, points: int) -> Series:
        return query(session, table, keys, start, end + MICROSECOND, points, value=value)[0]

    rollups = catalog.current().hypertables[table].rollups
    levels = sorted({level for rollup in rollups for level in rollup.levels})
    whole = extent(session, table, keys)
    return Line(title, unit, read, whole, quantity, tuple(levels), Rows(table, keys), bands)
