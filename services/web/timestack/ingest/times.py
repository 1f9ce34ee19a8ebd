"""The times of points: counts since 1970 and ISO 8601, in microseconds since 1970 (UTC)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import numpy as np

from timestack.domains.load.times import EARLIEST, EPOCH, FAR, UNITS, Unit
from timestack.series.catalog import Bounds

MICROSECOND = timedelta(microseconds=1)
NANOSECONDS: dict[Unit, int] = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
COARSER: dict[Unit, tuple[Unit, ...]] = {
    "ns": ("us", "ms", "s"),
    "us": ("ms", "s"),
    "ms": ("s",),
    "s": (),
}
COUNT = re.compile(r"[+-]?\d{1,30}")
LEAST, MOST = -(2**63), 2**63 - 1


class Clock:
    """How the times of one request are read.

    ``unit`` is that of times which are numbers, None where there must be none. ``bounds`` are those
    of the table's time; without any, and after ten years from now, a time is a mistake.
    """

    def __init__(self, unit: Unit | None, bounds: Bounds | None = None):
        self.unit = unit
        now = datetime.now(UTC)
        self._first, self._last = EARLIEST, now + FAR
        if bounds:
            ends = (datetime.combine(day, time(), UTC) for day in (bounds.low, bounds.high))
            self._first, end = ends
            self._last = min(self._last, end)
        self._low, self._high = _micros(self._first), _micros(self._last)
        if unit:
            size = NANOSECONDS[unit]
            self.now = _micros(now) * 1000 // size
            self._sound = _counts(self._low, self._high, size)
            self._doubtful = [self._plausible(each) for each in COARSER[unit]]

    def micros(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the times of counts (int64), and which of them are mistakes."""
        wrong = (counts < self._sound.start) | (counts >= self._sound.stop)
        for each in self._doubtful:
            wrong |= (counts >= each.start) & (counts < each.stop)
        sound = np.where(wrong, 0, counts) if wrong.any() else counts
        size = NANOSECONDS[self.unit]
        # To the nearest, as files are loaded.
        return (sound + 500) // 1000 if size == 1 else sound * (size // 1000), wrong

    def count(self, given: float) -> int:
        """Return the time of a count; raises ValueError for a mistake."""
        if self.unit is None:
            raise ValueError(
                "is a number: write it in ISO 8601, such as 2026-01-31T12:00:00Z, or say"
                " precision=s, ms, us or ns"
            )
        if isinstance(given, float):
            # Nanoseconds of today are beyond what a float can count.
            if not abs(given) < 2**53:
                raise ValueError(f"{given!r} is not exact: write it as an integer")
            nanoseconds = round(given * NANOSECONDS[self.unit])
            whole = round(given)
        else:
            nanoseconds, whole = given * NANOSECONDS[self.unit], given
        if not LEAST <= whole <= MOST or self.micros(np.array([whole]))[1][0]:
            raise ValueError(self.explain(whole))
        return (nanoseconds + 500) // 1000

    def text(self, given: str) -> int:
        """Return the time of a text; raises ValueError."""
        text = given.strip()
        if COUNT.fullmatch(text):
            return self.count(int(text))
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{given[:60]!r} is not a time in ISO 8601, such as 2026-01-31T12:00:00Z"
            ) from None
        if found.tzinfo is None:
            raise ValueError(
                f"{given[:60]!r} has no zone: add Z where it is UTC, or an offset such as +02:00"
            )
        return self.moment(found)

    def moment(self, found: datetime) -> int:
        """Return a time that has a zone; raises ValueError outside of the bounds."""
        micros = _micros(found)
        if self.is_outside(micros):
            raise ValueError(f"{found.isoformat()} is not {self._range()}")
        return micros

    def is_outside(self, micros: int | np.ndarray) -> bool | np.ndarray:
        """Whether times are outside of the bounds."""
        return (micros < self._low) | (micros >= self._high)

    def explain(self, count: int) -> str:
        """Say why a count is a mistake, and in which unit it would be none."""
        day = _day(count, self.unit)
        year = day.partition("-")[0] if day else "no year that there is"
        other = next((unit for unit in NANOSECONDS if count in self._plausible(unit)), None)
        hint = f"; with precision={other} it is {_day(count, other)}" if other else ""
        return (
            f"{count} {UNITS[self.unit]} since 1970 is in {year}: is the precision right?"
            f" Times are {self._range()}{hint}"
        )

    def _plausible(self, unit: Unit) -> range:
        """The counts of a unit that are times of our days."""
        return _counts(PLAUSIBLE_FROM, self._high, NANOSECONDS[unit])

    def _range(self) -> str:
        return f"from {self._first.date()} to {self._last.date()}"


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _counts(low: int, high: int, size: int) -> range:
    """Times in microseconds as counts of so many nanoseconds, within 64 bits."""
    return range(max(low * 1000 // size, LEAST), min(high * 1000 // size, MOST))


def _day(count: int, unit: Unit) -> str:
    """The day of a count; empty beyond what Python knows."""
    try:
        return str((EPOCH + timedelta(microseconds=count * NANOSECONDS[unit] // 1000)).date())
    except OverflowError:
        return ""


# A count that is a time since then in a coarser unit is in January 1970 in the one given.
PLAUSIBLE_FROM = _micros(datetime(2001, 1, 1, tzinfo=UTC))
