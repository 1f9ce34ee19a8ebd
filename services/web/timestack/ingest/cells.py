"""One value as its column takes it. What is wrong with one is a ValueError with a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pyarrow as pa

from timestack.domains.load import numbers
from timestack.domains.load.table import Column
from timestack.ingest.times import Clock

TIME = "timestamptz"
BITS = {"int2": 15, "int4": 31, "int8": 63}
FLOATS = ("float4", "float8")
TEXTS = ("text", "varchar", "bpchar")
TRUTHS = {"true": True, "t": True, "false": False, "f": False}
LONGEST_SHOWN = 60


def type_of(column: Column) -> pa.DataType:
    """The type of a column in a batch: what is not a time, number or boolean is text."""
    if column.base == TIME or column.base in BITS:
        return pa.int64()
    if column.base in FLOATS:
        return pa.float64()
    return pa.bool_() if column.base == "bool" else pa.string()


def of_value(column: Column, given: object, clock: Clock) -> object:
    """Take a value that has a type: of JSON, Parquet or a field. Text is no number here."""
    if given is None:
        return _nothing(column)
    for kinds, bases, take in TAKEN:
        if column.base in bases and isinstance(given, kinds):
            if isinstance(given, bool) and bool not in kinds:
                break
            return take(column, given, clock)
    if column.base in KNOWN or not isinstance(given, str | int | float | Decimal):
        raise ValueError(f"{kind_of(given)}, and the column is {column.type}")
    # A type that PostgreSQL knows and we do not: it judges the text.
    return _text(column, str(given), clock)


def of_text(column: Column, given: str | None, clock: Clock) -> object:
    """Take a cell of CSV, or a tag: text that may be a number; nothing is None."""
    if given is None:
        return _nothing(column)
    if column.base == TIME:
        return clock.text(given)
    if column.base in BITS:
        text = numbers.read(given, ".", whole=True).strip()
        try:
            return _whole(column, int(text), clock)
        except ValueError:
            if not text.lstrip("+-").isdecimal():
                raise ValueError(f"{shown(given)} is not an integer") from None
            raise
    if column.base in FLOATS:
        try:
            return _number(column, float(numbers.read(given, ".", whole=False)), clock)
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(f"{shown(given)} is not a number") from None
    if column.base == "bool":
        if given.strip().lower() not in TRUTHS:
            raise ValueError(f"{shown(given)} is not true or false")
        return TRUTHS[given.strip().lower()]
    return _text(column, given, clock)


def kind_of(given: object) -> str:
    """What a value is, for a person."""
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list"}
    return f"{shown(given)} is {names.get(type(given), 'an object')}"


def shown(given: object) -> str:
    """A value in a message: short, without what cannot be printed or encoded."""
    text = given if isinstance(given, str) else str(given)
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    safe = short.encode(errors="backslashreplace").decode()
    return repr(safe) if isinstance(given, str) else safe


def _nothing(column: Column) -> None:
    if column.not_null:
        raise ValueError("is empty and must have a value")


def _whole(column: Column, given: float | Decimal, _: Clock) -> int:
    if isinstance(given, float | Decimal):
        if not math.isfinite(given) or given != int(given) or abs(given) > 2**53:
            raise ValueError(f"{shown(given)} is not an integer, and the column is {column.type}")
        given = int(given)
    if not -(2 ** BITS[column.base]) <= given < 2 ** BITS[column.base]:
        raise ValueError(f"{shown(given)} is beyond what the column holds, {column.type}")
    return given


def _number(column: Column, given: float | Decimal, _: Clock) -> float:
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{shown(given)} is not a finite number, and the column is {column.type}")
    return number


def _digits(column: Column, given: float | Decimal, clock: Clock) -> str:
    """A number of decimal places, as it was written."""
    _number(column, given, clock)
    return str(given)


def _text(column: Column, given: str, _: Clock) -> str:
    if "\0" in given:
        raise ValueError("holds a NUL character, which PostgreSQL does not store")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone surrogate)") from None
    return given


def _moment(column: Column, given: datetime, clock: Clock) -> int:
    if given.tzinfo is None:
        raise ValueError(f"{given} has no zone: write times in UTC")
    return clock.moment(given)


# The types of a value, the types of a column that take them, and how.
Take = Callable[[Column, object, Clock], object]
NUMBERS = (int, float, Decimal)
TAKEN: tuple[tuple[tuple[type, ...], tuple[str, ...], Take], ...] = (
    (NUMBERS, FLOATS, _number),
    (NUMBERS, tuple(BITS), _whole),
    (NUMBERS, ("numeric",), _digits),
    ((str,), TEXTS, _text),
    ((bool,), ("bool",), lambda column, given, clock: given),
    ((str,), (TIME,), lambda column, given, clock: clock.text(given)),
    ((int, float), (TIME,), lambda column, given, clock: clock.count(given)),
    ((datetime,), (TIME,), _moment),
)
KNOWN = {base for _, bases, _ in TAKEN for base in bases}
