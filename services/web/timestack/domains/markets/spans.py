"""Which days of a ticker are meant: a range back from its newest one, or from a day to a day."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from timestack.series.extent import Extent

DAY = timedelta(days=1)
Range = Literal["7d", "14d", "1m", "3m", "1y", "all"]
DAYS = {"7d": 7, "14d": 14}
MONTHS = {"1m": 1, "3m": 3, "1y": 12}


@dataclass(frozen=True)
class Days:
    """The days ``start <= day < end``, UTC dates."""

    start: date
    end: date

    @property
    def since(self) -> datetime:
        """The first moment of them, in UTC."""
        return datetime.combine(self.start, time(), UTC)

    @property
    def until(self) -> datetime:
        """The moment at which they are over, in UTC."""
        return datetime.combine(self.end, time(), UTC)


def asked(whole: Extent, range: Range, start: date | None, end: date | None) -> Days | None:
    """Return which days of those with prices are asked for; None where these are none.

    Without ``end`` up to the newest one, and without ``start`` the ``range`` back from there: the
    same day of the week or month before is the first.
    """
    first, last = whole.first.date(), whole.last.date()
    if end is not None:
        last = min(last, end - DAY)
    if start is None:
        start = back(last, range) or first
    start = max(start, first)
    return Days(start, last + DAY) if start <= last else None


def back(last: date, range: Range) -> date | None:
    """Return the first day of a range that ends with a day; None where it has none."""
    if range in DAYS:
        return last - DAYS[range] * DAY
    if range not in MONTHS:
        return None
    year, month = divmod(last.year * 12 + last.month - 1 - MONTHS[range], 12)
    # The last day of a month that has no such day.
    return date(year, month + 1, min(last.day, monthrange(year, month + 1)[1]))
