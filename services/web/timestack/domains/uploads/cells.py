"""One cell as the loader and PostgreSQL read it, for a type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from timestack.domains.load import numbers
from timestack.domains.load.times import EARLIEST, FAR, Order, Rules, Unit
from timestack.domains.uploads.layout import Layout, Type

Value = str | int | float | bool
# What PostgreSQL takes, of which it also takes the beginnings.
YES = {"true", "tru", "tr", "t", "yes", "ye", "y", "on", "1"}
NO = {"false", "fals", "fal", "fa", "f", "no", "n", "off", "of", "0"}
# The words for the options of `make load`, behind what is wrong.
OPTION = re.compile(r"[:;,] (?:(?:where|if) [^,]*, )?[^:;,]*--.*$", re.DOTALL)


def rules_of(layout: Layout) -> Rules:
    """What a time may be in a file of a layout."""
    return time_rules(ZoneInfo(layout.zone) if layout.zone else None, layout.epoch, layout.order)


def time_rules(
    zone: ZoneInfo | None = None, epoch: Unit | None = None, order: Order | None = None
) -> Rules:
    """What a time may be, within the bounds that a load has without options."""
    return Rules(zone, EARLIEST, datetime.now(UTC) + FAR, epoch, order)


def reader(type: Type, decimal: str, rules: Rules) -> Callable[[str], Value]:
    """Return what reads a cell; it raises ValueError, which says what is wrong with the cell."""
    readers: dict[Type, Callable[[str], Value]] = {
        "time": lambda cell: rules.read(cell).astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "integer": lambda cell: _integer(cell, decimal),
        "number": lambda cell: _number(cell, decimal),
        "boolean": _boolean,
        "text": str,
    }
    read = readers[type]

    def said(cell: str) -> Value:
        try:
            return read(cell)
        except ValueError as error:
            what = str(error).removeprefix(repr(cell))
            shown = repr(cell if len(cell) <= 100 else f"{cell[:100]}…")
            raise ValueError(shown + OPTION.sub("", what)) from None

    return said


def _integer(cell: str, decimal: str) -> int:
    text = numbers.read(cell, decimal, whole=True).strip()
    if not numbers.DIGITS.fullmatch(text) or not text.isascii():
        raise ValueError(f"{cell!r} is not an integer")
    number = int(text) if len(text) < 30 else 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{cell!r} has too many digits for an integer: number takes it, rounded")
    return number


def _number(cell: str, decimal: str) -> float:
    text = numbers.read(cell, decimal, whole=False).strip()
    if not numbers.PLAIN.fullmatch(text) or not text.isascii():
        raise ValueError(f"{cell!r} is not a number")
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{cell!r} is too large for a number")
    return number


def _boolean(cell: str) -> bool:
    word = cell.strip().lower()
    if word not in YES | NO:
        raise ValueError(f"{cell!r} is not true or false")
    return word in YES
