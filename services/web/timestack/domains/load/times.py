"""Time stamps: ISO 8601 with an offset or in one named zone, and other forms by options.

One cell is read here as PostgreSQL reads it. ``columnar`` checks whole blocks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
# A year that is mistyped makes a chunk far away from all others.
FAR = timedelta(days=3653)

Unit = Literal["s", "ms", "us", "ns"]
Order = Literal["dmy", "mdy"]
MICROSECONDS: dict[Unit, Decimal] = {
    "s": Decimal(1_000_000),
    "ms": Decimal(1000),
    "us": Decimal(1),
    "ns": Decimal("0.001"),
}
UNITS: dict[Unit, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}

NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?")
CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,30}))?)?"
    r"(?: ?(?P<half>[AaPp])[Mm])?"
    r"(?: ?(?P<zone>[Zz]|UTC|GMT|utc|gmt|[+-](?:\d{1,2}(?::\d{2})?|\d{4})))?"
)
YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})[Tt ]{CLOCK}"
)
YEAR_LAST = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})"
    rf"(?:(?:[Tt]|,? ){CLOCK})?"
)
# Sent to PostgreSQL as it is: it has only one meaning.
PLAIN = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}(?::?\d{2})?)?"
)
FINER = re.compile(r":\d{2}[.,]\d{6}\d*[1-9]")


@dataclass(frozen=True)
class Rules:
    """What a time may be. ``zone`` is the one that times without an offset are in, or None.

    With an ``epoch``, times are numbers of that unit since 1970 (UTC). ``order`` is that of day
    and month in dates whose year comes last.
    """

    zone: ZoneInfo | None
    earliest: datetime
    latest: datetime
    epoch: Unit | None = None
    order: Order | None = None

    def read(self, cell: str) -> datetime:
        """Return the time of one cell, rounded to the microsecond.

        Raises ValueError saying what is wrong with it.
        """
        time = self._count(cell) if self.epoch else self.parse(cell)
        if time.tzinfo is None:
            time = self._localize(time, cell)
        if not self.earliest <= time <= self.latest:
            raise self._outside(cell)
        return time

    def rounds(self, cell: str) -> bool:
        """Whether a cell that can be read is finer than a microsecond."""
        if self.epoch:
            return Decimal(cell.strip()) * MICROSECONDS[self.epoch] % 1 != 0
        return bool(FINER.search(cell))

    def _count(self, cell: str) -> datetime:
        if not NUMBER.fullmatch(cell.strip()):
            unit = UNITS[self.epoch]
            raise ValueError(
                f"{cell!r} is not a number of {unit} since 1970, as --epoch {self.epoch} says"
            )
        count = Decimal(cell.strip()) * MICROSECONDS[self.epoch]
        try:
            return EPOCH + timedelta(microseconds=round(count))
        except OverflowError:
            raise self._outside(cell) from None

    def parse(self, cell: str) -> datetime:
        """Return a time that is not a number as it is written: without a zone where it has none.

        Raises ValueError saying what is wrong with it.
        """
        text = cell.strip()
        if (found := YEAR_LAST.fullmatch(text)) and self.order is None:
            raise ValueError(
                f"{cell!r} may begin with the day or the month: use --date-order dmy or mdy"
            )
        try:
            found = found or YEAR_FIRST.fullmatch(text)
            return self._assemble(found.groupdict()) if found else _iso(text)
        except (ValueError, OverflowError):
            raise ValueError(_fault(cell)) from None

    def _assemble(self, parts: dict[str, str | None]) -> datetime:
        day, month = parts.get("day"), parts.get("month")
        if day is None:
            one, two = parts["one"], parts["two"]
            day, month = (one, two) if self.order == "dmy" else (two, one)
        hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
        # Ten times the microseconds, for the digit that decides the rounding.
        fraction = int(((parts["part"] or "") + "0" * 7)[:7])
        if parts["half"]:
            if not 1 <= hour <= 12:
                raise ValueError("no such hour")
            hour = hour % 12 + 12 * (parts["half"] in "Pp")
        midnight = hour == 24 and not (minute or second or fraction)
        time = datetime(  # noqa: DTZ001  (its zone follows)
            int(parts["year"]), int(month), int(day), 0 if midnight else hour, minute, second
        )
        time += timedelta(days=int(midnight), microseconds=(fraction + 5) // 10)
        return time.replace(tzinfo=_offset(parts["zone"]))

    def _outside(self, cell: str) -> ValueError:
        first, last = self.earliest.date(), self.latest.date()
        return ValueError(
            f"{cell!r} is not between {first} and {last}: see --earliest and --latest"
        )

    def _localize(self, time: datetime, cell: str) -> datetime:
        if self.zone is None:
            raise ValueError(f"{cell!r} has no offset from UTC: add it, or give the zone by --tz")
        first, second = (time.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first
        # A time that was skipped comes back from UTC as another one (PEP 495).
        if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != time:
            raise ValueError(f"{cell!r} was skipped in {self.zone.key} when clocks went forward")
        raise ValueError(
            f"{cell!r} came twice in {self.zone.key} when clocks went back: give its offset"
        )


def _iso(text: str) -> datetime:
    # A number of many digits is a count of something and not a day.
    if NUMBER.fullmatch(text) and len(text) != len("20260131"):
        raise ValueError("a number")
    return datetime.fromisoformat(text)


def _offset(zone: str | None) -> timezone | None:
    if zone is None:
        return None
    if zone[0] not in "+-":
        return UTC
    hours, _, minutes = zone[1:].partition(":") if ":" in zone else (zone[1:3], "", zone[3:])
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-offset if zone[0] == "-" else offset)


def _fault(cell: str) -> str:
    text = cell.strip()
    fault = f"{cell!r} is not a time in ISO 8601, such as 2026-01-31T12:00:00Z"
    if not NUMBER.fullmatch(text) or len(text) < 9:
        return fault
    size = abs(Decimal(text))
    unit = "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
    return f"{fault}; if it is a number of {UNITS[unit]} since 1970, use --epoch {unit}"
