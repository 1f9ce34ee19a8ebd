"""Reading daily prices: CSV of one ticker, all of it sound or none of it taken.

The first line names the columns, in any order and in capitals or not: Date, Open, High, Low,
Close, Volume, and Adj Close, without which the close is taken for it. Cells are separated by
commas, tabs or semicolons, of which the last go with decimal commas. Rows may be in any order.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from timestack.domains.load.numbers import PLAIN
from timestack.domains.prices.dialect import Header, decoded, header_of

# More than there are days since EARLIEST.
MOST_ROWS = 100_000
# The bounds of hypertables.yaml.
EARLIEST = date(1800, 1, 1)
# More is a mistake, in any currency.
HIGHEST = 1e12
MOST_VOLUME = 2**63 - 1
MOST_FAULTS = 100
LONGEST_SHOWN = 30
# Sources that compute in single precision differ by so much from themselves.
TOLERANCE = 1e-6
# A day, or the midnight that begins it as other programs write it.
DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


class Fault(NamedTuple):
    """What is wrong with a line, counted from 1; 0 is the whole."""

    line: int
    detail: str

    def __str__(self) -> str:
        return f"line {self.line} {self.detail}" if self.line else self.detail


class PricesError(Exception):
    """They cannot be used, and none is taken; ``faults`` has the first MOST_FAULTS of ``count``."""

    def __init__(self, faults: Sequence[Fault], count: int | None = None):
        self.faults = faults
        self.count = count or len(faults)
        shown = [str(each) for each in faults[:3]]
        more = self.count - len(shown)
        super().__init__("; ".join(shown) + (f"; and {more:,} more" if more > 0 else ""))


class Day(NamedTuple):
    """A trading day's prices; ``line`` says where it was."""

    line: int
    day: date
    open: float
    high: float
    low: float
    close: float
    volume: int
    adjusted_close: float


@dataclass(frozen=True)
class Prices:
    """The days, oldest first, each once.

    ``duplicates`` is how many lines repeated a day with the same values, ``ignored`` the columns
    that were not read, and ``adjusted`` whether there was an adjusted close.
    """

    days: Sequence[Day]
    duplicates: int
    ignored: Sequence[str]
    adjusted: bool


def read(data: bytes, symbol: str) -> Prices:
    """Read the prices of a symbol; raises PricesError with every fault."""
    text = decoded(data)
    if isinstance(text, str):
        return _Reading(text, symbol).run()
    raise PricesError([Fault(0, text.reason)])


class _Reading:
    def __init__(self, text: str, symbol: str):
        # Of any line ends, those of old spreadsheets among them.
        self._lines = io.StringIO(text, newline=None)
        self._symbol = symbol
        self._faults: list[Fault] = []
        self._count = 0
        self._days: dict[date, Day] = {}
        self._duplicates = 0
        self._last = datetime.now(UTC).date() + timedelta(days=1)

    def run(self) -> Prices:
        header = header_of(self._lines.readline())
        if not isinstance(header, Header):
            raise PricesError([Fault(1, header.reason)])
        for line, cells in self._records(header.delimiter):
            self._take(line, cells, header)
        if self._count:
            raise PricesError(self._faults, self._count)
        if not self._days:
            raise PricesError([Fault(0, "there is a header and no row below it")])
        days = sorted(self._days.values(), key=lambda each: each.day)
        return Prices(days, self._duplicates, header.ignored, "adjusted_close" in header.places)

    def _records(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        records = csv.reader(self._lines, delimiter=delimiter, strict=True)
        number = 0
        try:
            for cells in records:
                if not any(cell.strip() for cell in cells):
                    continue
                number += 1
                if number > MOST_ROWS:
                    raise PricesError([Fault(0, f"there are more than {MOST_ROWS:,} rows")])
                yield records.line_num + 1, cells
        except csv.Error as error:
            self._refuse(records.line_num + 1, f"is not sound CSV: {error}")

    def _take(self, line: int, cells: Sequence[str], header: Header) -> None:
        if len(cells) != header.width:
            cut = ", as if it were cut off" if len(cells) < header.width else ""
            self._refuse(line, f"has {len(cells)} of {header.width} cells{cut}")
            return
        given = {name: cells[place].strip() for name, place in header.places.items()}
        try:
            self._check_symbol(given)
            day = self._day(line, given, header.decimal)
        except ValueError as error:
            self._refuse(line, str(error))
            return
        before = self._days.setdefault(day.day, day)
        if before is day:
            return
        if before[1:] == day[1:]:
            self._duplicates += 1
        else:
            self._refuse(line, f"has other values for {day.day} than line {before.line}")

    def _check_symbol(self, given: Mapping[str, str]) -> None:
        symbol = given.get("symbol", self._symbol)
        if symbol.upper() != self._symbol.upper():
            raise ValueError(f"is of {_shown(symbol)}, and not of {self._symbol}")

    def _day(self, line: int, given: Mapping[str, str], decimal: str) -> Day:
        day = self._date(given["day"])
        open, high, low, close = (
            _price(name, given[name], decimal) for name in ("open", "high", "low", "close")
        )
        adjusted = close
        if "adjusted_close" in given:
            adjusted = _price("adjusted close", given["adjusted_close"], decimal)
        if high < low:
            raise ValueError(f"has a high of {high:g} below its low of {low:g}")
        for name, price in (("open", open), ("close", close)):
            if not low * (1 - TOLERANCE) <= price <= high * (1 + TOLERANCE):
                raise ValueError(f"has its {name}, {price:g}, outside of {low:g} to {high:g}")
        volume = _volume(given["volume"], decimal)
        return Day(line, day, open, high, low, close, volume, adjusted)

    def _date(self, text: str) -> date:
        found = DAY.fullmatch(text)
        try:
            day = date.fromisoformat(found[1] if found else "")
        except ValueError:
            raise ValueError(
                f"has the date {_shown(text)}: write it as year-month-day, such as 2013-05-01"
            ) from None
        if not EARLIEST <= day <= self._last:
            raise ValueError(f"is of {day}, which is not from {EARLIEST} to today")
        return day

    def _refuse(self, line: int, detail: str) -> None:
        self._count += 1
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(line, detail))


def _price(name: str, text: str, decimal: str) -> float:
    number = float(_plain(name, text, decimal))
    if not 0 < number <= HIGHEST:
        raise ValueError(f"has {_shown(text)} as {name}: a price is above 0 and not beyond 1e12")
    return number


def _volume(text: str, decimal: str) -> int:
    number = Decimal(_plain("volume", text, decimal))
    if number.adjusted() > 20 or number != number.to_integral_value() or number < 0:
        raise ValueError(f"has {_shown(text)} as volume: it is a whole number from 0 on")
    if number > MOST_VOLUME:
        raise ValueError(f"has {_shown(text)} as volume, which is too large")
    return int(number)


def _plain(name: str, text: str, decimal: str) -> str:
    """Return a number as Python reads it; raises ValueError."""
    number = text.replace(",", ".", 1) if decimal == "," and "." not in text else text
    if PLAIN.fullmatch(number):
        return number
    if not text:
        raise ValueError(f"has no {name}")
    raise ValueError(f"has {_shown(text)} as {name}, which is not a number")


def _shown(text: str) -> str:
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return f"“{''.join(each if each.isprintable() else '·' for each in short)}”"
