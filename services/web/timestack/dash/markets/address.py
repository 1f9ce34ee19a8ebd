"""How a chart of the Markets page is to look, as its address says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

# The API's names of ranges (domains/markets/spans.py) -> what their buttons say.
RANGES = {"7d": "7 d", "14d": "14 d", "1m": "1 m", "3m": "3 m", "1y": "1 y", "all": "all"}
KINDS = {"candles": "Candles", "line": "Line"}
# Trading days of a moving average.
AVERAGES = ("20", "50", "200")
DAYS = re.compile(r"\d{4}-\d\d-\d\d/\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class Address:
    """What an address says; ``faults`` are sentences about what it says and cannot be.

    ``range`` is one of RANGES, or two days, ``<start>/<end>``, the second one exclusive.
    """

    range: str = "1y"
    kind: str = "candles"
    adjusted: bool = False
    averages: tuple[str, ...] = ()
    faults: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Address:
        """Return what the parameters say; the default for what is left out or cannot be."""
        found: dict[str, Any] = {}
        faults = []
        for name, (reader, advice) in READERS.items():
            if name in asked:
                try:
                    found[name] = reader(asked[name])
                except ValueError:
                    faults.append(f"“{asked[name]}” is not {advice}.")
        return cls(**found, faults=tuple(faults))


def _range(text: str) -> str:
    if text in RANGES:
        return text
    if not DAYS.fullmatch(text):
        raise ValueError(text)
    start, end = map(date.fromisoformat, text.split("/"))
    if end <= start:
        raise ValueError(text)
    return text


def _of(known: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text not in known:
            raise ValueError(text)
        return known[text]

    return read


def _averages(text: str) -> tuple[str, ...]:
    given = text.split(",")
    if not set(given) <= set(AVERAGES):
        raise ValueError(text)
    return tuple(each for each in AVERAGES if each in given)


READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "range": (
        _range,
        f"a range: use one of {', '.join(RANGES)}, or two days such as 2013-01-31/2013-02-28",
    ),
    "kind": (_of({name: name for name in KINDS}), "a kind of chart: use candles or line"),
    "adjusted": (_of({"1": True, "": False}), "a yes or no: use 1, or leave it out"),
    "averages": (_averages, f"a list of averages: use some of {', '.join(AVERAGES)}"),
}
