"""What a file of prices is: its text, what separates its cells, and which column is which."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

DELIMITERS = (",", ";", "\t")
# What sources call a column, in small letters and digits alone.
NAMES = {
    "day": ("date", "day", "time", "timestamp"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol"),
    "adjusted_close": ("adjclose", "adjustedclose"),
    "symbol": ("symbol", "ticker"),
}
BY_NAME = {name: column for column, names in NAMES.items() for name in names}
OPTIONAL = ("adjusted_close", "symbol")
EXAMPLE = "Date,Open,High,Low,Close,Adj Close,Volume"
# The first bytes of what is taken for CSV now and then.
BEGINNINGS = (
    (b"\x1f\x8b", "it is compressed with gzip, and was not said to be"),
    (b"PK\x03\x04", "it is a spreadsheet or a ZIP archive: save it as CSV"),
    (b"\xff\xfe", "it is in UTF-16: save it as CSV in UTF-8"),
    (b"\xfe\xff", "it is in UTF-16: save it as CSV in UTF-8"),
    (b"PAR1", "it is Parquet: save it as CSV"),
)


class Refusal(NamedTuple):
    """Why something cannot be used."""

    reason: str


class Header(NamedTuple):
    """Where each column is, of how many; those that are ignored, and how cells are written."""

    places: Mapping[str, int]
    width: int
    ignored: Sequence[str]
    delimiter: str

    @property
    def decimal(self) -> str:
        """What may precede the fraction of a number."""
        return "," if self.delimiter == ";" else "."


def decoded(data: bytes) -> str | Refusal:
    """Return the text, without a byte order mark; or why it is not CSV."""
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        return Refusal("it is empty")
    for beginning, reason in BEGINNINGS:
        if data.startswith(beginning):
            return Refusal(reason)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Refusal(f"it is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}")
    if "\0" in text:
        return Refusal("it is not text: it holds NUL characters")
    begins = text.lstrip()[:1]
    if begins == "<":
        return Refusal("it is a web page (HTML or XML), and not CSV")
    if begins in ("{", "["):
        return Refusal("it is JSON, and not CSV")
    return text


def header_of(line: str) -> Header | Refusal:
    """Read the first line; its columns must be there, each once."""
    delimiter = max(DELIMITERS, key=line.count)
    try:
        names = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return Refusal(f"is not sound CSV: {error}")
    places: dict[str, int] = {}
    ignored = []
    for place, name in enumerate(names):
        column = BY_NAME.get(re.sub(r"[^a-z0-9]", "", name.lower()))
        if column in places:
            return Refusal(f"names the column {name.strip()!r} twice")
        if column:
            places[column] = place
        elif name.strip():
            ignored.append(name.strip()[:40])
    missing = [names[0] for column, names in NAMES.items() if column not in (*OPTIONAL, *places)]
    if missing:
        return Refusal(f"names no column {', '.join(missing)}: it must name those of {EXAMPLE}")
    return Header(places, len(names), ignored[:20], delimiter)
