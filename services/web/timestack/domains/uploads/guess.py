"""What the columns of a file hold, guessed from its first rows."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from timestack.domains.load import numbers
from timestack.domains.load.dialect import DELIMITERS
from timestack.domains.load.records import Record, cells, is_misquoted
from timestack.domains.load.times import UNITS, YEAR_LAST, Order, Rules, Unit
from timestack.domains.uploads.cells import NO, YES, reader, time_rules
from timestack.domains.uploads.layout import Role, Type

# So many of the cells must be of a type: the others are shown, with their lines.
MOSTLY = 0.9
# Rows that show how cells are separated.
LINES = 50
# As long may a text be that tells series apart.
LONGEST_KEY = 100
# Below it any number of different values may be few.
FEW = 20
TIME_LABEL = re.compile(
    r"(?:^|[^a-z])(?:date|time|timestamp|datetime|epoch|unix|ts|at|t)(?:$|[^a-z])"
)
KEY_LABEL = re.compile(
    r"(?:^|[^a-z])(?:id|no|nr|num|number|code|key|sensor|station|channel|device|meter|site)s?$"
)
FORMS = {None: "ISO 8601", "dmy": "day, month, year", "mdy": "month, day, year"}
# Before it a number of seconds is rather something else.
RECENT = datetime(1990, 1, 1, tzinfo=UTC)
WORDS = (YES | NO) - {"1", "0"}
# What other programs write for no value; the loader takes an empty cell alone.
NOTHING = {"na", "n/a", "nan", "null", "none", "-", "#n/a"}


@dataclass(frozen=True)
class Guess:
    """A column's type, and how sure that is, from 0 to 1; ``form`` says how its times are written.

    ``offsets`` are those of its times, "" for none. ``either`` says that days may be months.
    """

    type: Type
    sure: float
    form: str | None = None
    epoch: Unit | None = None
    order: Order | None = None
    offsets: tuple[str, ...] = ()
    either: bool = False


def delimiter(records: Sequence[Record]) -> str:
    """Return what separates the cells: what cuts the most rows into as many, and more than one."""

    def fit(each: str) -> tuple[bool, float, int]:
        counts = Counter(len(cells(text, each)) for text in texts)
        count, rows = max(counts.items(), key=lambda found: (found[1], found[0]))
        return count > 1, rows / len(texts), count

    texts = [record.data.decode(errors="replace") for record in records[:LINES]]
    return max(DELIMITERS, key=fit)


def escapes(records: Sequence[Record], by: str) -> bool:
    """Whether a backslash precedes quotes within quoted cells."""
    return any(
        b'\\"' in record.data and is_misquoted(record.data.decode(errors="replace"), by)
        for record in records
    )


def decimal(columns: Sequence[Sequence[str]], by: str) -> str:
    """Return what precedes fractions."""
    if by == ",":
        return "."
    commas = sum(bool(numbers.COMMA.fullmatch(cell.strip())) for each in columns for cell in each)
    points = sum(
        "." in cell and bool(numbers.PLAIN.fullmatch(cell.strip()))
        for each in columns
        for cell in each
    )
    return "," if commas > points else "."


def has_header(first: Sequence[str | None], guesses: Sequence[Guess], point: str) -> bool:
    """Whether a first row is of names, judged by what the rows below it are."""
    against = 0
    for cell, guess in zip(first, guesses, strict=True):
        if guess.type == "text" or cell is None:
            continue
        rules = time_rules(ZoneInfo("UTC"), guess.epoch, guess.order)
        is_of_type = _reads(reader(guess.type, point, rules), cell)
        if guess.type == "time" and not is_of_type:
            return True
        against += 1 if is_of_type else -1
    return against <= 0


def guess(label: str, column: Sequence[str], point: str) -> Guess:
    """Guess what the cells of a column are, without the empty ones."""
    column = [cell for cell in column if cell.strip().lower() not in NOTHING] or column
    if not column:
        return Guess("text", 0)
    if all(cell.strip().lower() in WORDS for cell in column):
        return Guess("boolean", 1)
    is_whole = share(reader("integer", point, time_rules()), column)
    is_number = share(reader("number", point, time_rules()), column)
    # 007 is a name that a number would forget.
    padded = any(re.fullmatch(r"0\d+", cell.strip()) for cell in column)
    if is_number >= MOSTLY and not padded:
        if found := _epoch(label, column, point):
            return found
        if TIME_LABEL.search(label.lower()) and (found := _time(column)):
            return found
        return Guess("integer", is_whole) if is_whole >= is_number else Guess("number", is_number)
    return (None if is_number > 0.5 else _time(column)) or Guess("text", 1)


def declared(type: pa.DataType, found: Guess) -> Guess:
    """Return the guess that a type of Parquet leaves."""
    if pa.types.is_dictionary(type):
        type = type.value_type
    if pa.types.is_boolean(type):
        return Guess("boolean", 1)
    if pa.types.is_integer(type):
        return found if found.epoch else Guess("number" if type == pa.uint64() else "integer", 1)
    if pa.types.is_floating(type) or pa.types.is_decimal(type):
        return Guess("number", 1)
    if pa.types.is_timestamp(type) or pa.types.is_date(type):
        # The column may be without a value.
        return found if found.type == "time" else Guess("time", 1, "ISO 8601", offsets=("",))
    return found if found.type == "time" and not found.epoch else Guess("text", 1)


def role(label: str, guess: Guess, column: Sequence[str]) -> Role:
    """Guess what a column is for, that is not the time."""
    if not column:
        return "ignored"
    distinct = len(set(column))
    few = distinct <= len(column) / 2 or len(column) < FEW
    if guess.type == "text":
        return "key" if few and max(map(len, column)) <= LONGEST_KEY else "value"
    if guess.type == "integer" and few and KEY_LABEL.search(label.lower()):
        return "key"
    return "value"


def time_column(
    labels: Sequence[str], guesses: Sequence[Guess], filled: Sequence[int]
) -> int | None:
    """Return which column is the time, from 0; None when none can be.

    ``filled`` is how many cells of each are not empty.
    """
    places = [place for place, guess in enumerate(guesses) if guess.type == "time"]
    if not places:
        return None

    def fit(place: int) -> tuple[int, float, bool, int]:
        named = bool(TIME_LABEL.search(labels[place].lower()))
        return filled[place], guesses[place].sure, named, -place

    return max(places, key=fit)


def beside(guess: Guess, time: Guess) -> Guess:
    """Return what a column is beside the time: a load reads all times in one way."""
    if guess.type != "time" or (guess.epoch, guess.order) == (time.epoch, time.order):
        return guess
    return Guess("integer" if guess.epoch else "text", guess.sure)


def share(read: Callable[[str], object], column: Sequence[str]) -> float:
    """Return what part of the cells can be read; of a column where the first few cannot, none."""
    if not any(_reads(read, cell) for cell in column[:FEW]):
        return 0
    return sum(_reads(read, cell) for cell in column) / len(column)


def _reads(read: Callable[[str], object], cell: str) -> bool:
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _time(column: Sequence[str]) -> Guess | None:
    utc = ZoneInfo("UTC")
    last = any(YEAR_LAST.fullmatch(cell.strip()) for cell in column[:FEW])
    orders: tuple[Order | None, ...] = ("dmy", "mdy") if last else (None,)
    shares = {order: share(time_rules(utc, order=order).read, column) for order in orders}
    order = max(orders, key=lambda each: shares[each])
    if shares[order] < MOSTLY:
        return None
    either = last and shares["dmy"] == shares["mdy"]
    return replace(times(column, order), sure=shares[order] / (2 if either else 1), either=either)


def times(column: Sequence[str], order: Order | None) -> Guess:
    """Return what times are that are written with year, month and day, those in an order."""
    rules = time_rules(order=order)
    offsets = {offset(cell, rules) for cell in column} - {None}
    return Guess("time", 1, FORMS[order], None, order, tuple(sorted(offsets)))


def offset(cell: str, rules: Rules) -> str | None:
    """Return the offset that a time is written with, "" without one; None of what is not a time."""
    try:
        found = rules.parse(cell).utcoffset()
    except ValueError:
        return None
    return "" if found is None else _shown(found)


def _shown(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _epoch(label: str, column: Sequence[str], point: str) -> Guess | None:
    """Numbers that are seconds since 1970, or parts of these: by their size, name and order."""
    read = reader("number", point, time_rules())
    counts = [float(read(cell)) for cell in column if _reads(read, cell)]
    size = abs(statistics.median(counts))
    unit: Unit = (
        "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
    )
    rules = replace(time_rules(epoch=unit), earliest=RECENT)
    fits = share(rules.read, column)
    named = bool(TIME_LABEL.search(label.lower()))
    rises = counts == sorted(counts) and len(set(counts)) > len(counts) / 2 and len(counts) > 1
    if fits < 1 or not (named or rises):
        return None
    sure = 0.95 if named else 0.6
    return Guess("time", sure, f"{UNITS[unit]} since 1970", unit, offsets=("+00:00",))
