"""Line protocol: points of a measurement, its tags, its fields and a time, one a line.

Ref: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from line_protocol_parser import LineFormatError, parse_line

from timestack.ingest import body, cells
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.errors import TooLargeError
from timestack.ingest.records import MOST_HELD, Gatherer, too_long, too_many
from timestack.ingest.sensors import NOWHERE, Names
from timestack.ingest.target import UNIT, Target
from timestack.ingest.times import Clock

LOCATION = "location"
VALUE = "value"
# What the parser says, and what a person can do about it.
ESCAPE = (
    "a comma, blank or = in a name, tag or tag's value must follow a backslash, and none is empty"
)
WHY = {
    "Failed to parse measurement": f"has no measurement and fields; {ESCAPE}",
    "Failed to parse key of tag": f"a tag cannot be read, or is given twice; {ESCAPE}",
    "Failed to parse value of tag": f"the value of a tag cannot be read; {ESCAPE}",
    "Failed to parse key of field": f"has no field where one must be; {ESCAPE}",
    "Failed to parse value of field": "the value of a field cannot be read",
    "Failed to parse type of field value": (
        "the value of a field is not a number such as 1.5, an integer such as 2i of 64 bits, true,"
        ' false or "text"; NaN and infinities are not values'
    ),
    "Failed to parse nanoseconds integer timestamp": (
        f"the time is not an integer of 64 bits; {ESCAPE}"
    ),
    "Embedded NUL bytes are not supported": "holds a NUL character",
}
# What is within quotes, and what follows a backslash.
OPAQUE = re.compile(r'\\.|"(?:\\.|[^"\\])*"', re.DOTALL)


def read(
    stream: body.Stream, target: Target, clock: Clock, names: Names, refused: Refused
) -> list[Batch]:
    """Return the rows of a body: of readings one for each field, of other tables one a point.

    A line whose point is faulty in any part is refused as a whole.
    """
    if target.has_sensors:
        return _readings(stream, target, clock, names, refused)
    gatherer = Gatherer(target, clock, names, refused)
    for count, (line, point) in enumerate(_points(stream, refused)):
        if count >= body.MOST_ROWS:
            raise TooLargeError(too_many())
        if point["measurement"] != target.name:
            refused.add(
                line,
                f"the measurement is {cells.shown(point['measurement'])}, and points of this"
                f" table are of {target.name!r}",
            )
            continue
        tags, fields = point["tags"], point["fields"]
        if twice := tags.keys() & fields.keys():
            refused.add(line, f"{', '.join(sorted(twice))}: is a tag and a field")
            continue
        time = clock.now if point["time"] is None else point["time"]
        gatherer.add(line, {target.time: time, **tags, **fields}, tags.keys())
    return gatherer.batches()


def place_of(tags: Mapping[str, str]) -> str:
    """Return the location that a point's tags name, the same in whatever order they come.

    ``location`` alone is the location; other tags follow it, sorted, each as ``name=value``, where
    a comma, = or backslash of their own follows a backslash: ``JFK, host=web1, rack=a``.
    """
    others = sorted(name for name in tags if name not in (LOCATION, UNIT))
    location = tags.get(LOCATION, "")
    if not others:
        return location or NOWHERE
    parts = [_escaped(location)] if location else []
    return ", ".join(parts + [f"{_escaped(name)}={_escaped(tags[name])}" for name in others])


def _escaped(text: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", text)


def _readings(
    stream: body.Stream, target: Target, clock: Clock, names: Names, refused: Refused
) -> list[Batch]:
    batches, count = [], 0
    held = _Readings()
    # The places of a point's fields, by what comes before them.
    known: dict[tuple, dict[str, int]] = {}
    for line, point in _points(stream, refused):
        fields = point["fields"]
        places = known.setdefault((point["measurement"], *point["tags"].items()), {})
        try:
            for name, value in fields.items():
                if type(value) is not float and type(value) is not int:
                    raise ValueError(f"{name}: {cells.kind_of(value)}, and a reading is a number")
                if name not in places:
                    places[name] = _place(names, point, name)
        except ValueError as error:
            refused.add(line, str(error))
            continue
        time = point["time"]
        more = len(fields)
        held.lines += [line] * more
        held.times += [clock.now if time is None else time] * more
        held.series += [places[name] for name in fields]
        held.values += fields.values()
        if len(held.lines) >= MOST_HELD:
            count += len(held.lines)
            if count > body.MOST_ROWS:
                raise TooLargeError(too_many())
            batches.append(_batch(target, clock, held, refused))
            held = _Readings()
    batches.append(_batch(target, clock, held, refused))
    return [batch for batch in batches if len(batch)]


class _Readings:
    """Readings that wait to become columns."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.times: list[int] = []
        self.series: list[int] = []
        self.values: list[float] = []


def _place(names: Names, point: Mapping[str, Any], field: str) -> int:
    tags = point["tags"]
    return names.place(point["measurement"], place_of(tags), field, tags.get(UNIT))


def _batch(target: Target, clock: Clock, held: _Readings, refused: Refused) -> Batch:
    """Return readings by column, without points whose time or value is out of bounds."""
    lines = np.array(held.lines, np.int64)
    micros, wrong = clock.micros(np.array(held.times, np.int64))
    for at in np.flatnonzero(wrong):
        refused.add(held.lines[at], clock.explain(held.times[at]))
    values = np.array(held.values, np.float64)
    for at in np.flatnonzero(target.are_outside(VALUE, values)):
        refused.add(held.lines[at], target.outside(VALUE, held.values[at]))
    batch = Batch(
        lines,
        {
            target.time: pa.array(micros),
            SERIES: pa.array(held.series, pa.int64()),
            VALUE: pa.array(values),
        },
    )
    gone = refused.mask(lines)
    return batch.where(~gone) if gone.any() else batch


def _points(stream: body.Stream, refused: Refused) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each point with the number of its first line; what cannot be read is refused."""
    lines = _Lines(stream, refused)
    for number, line in lines:
        if not line:
            continue
        text = line
        try:
            point = parse_line(line)
        except LineFormatError as error:
            if line.isspace():
                continue
            tail = lines.to_the_quote() if _is_open(line) else []
            text = "\n".join([line, *(text for _, text in tail)])
            point = _parsed(text) if tail else None
            if point is None:
                refused.add(number, _why(error))
                lines.back(tail)
                continue
        if point is None:
            continue
        if text.count("=") > len(point["tags"]) + len(point["fields"]) and _repeats(text, point):
            refused.add(number, "a field is given twice")
        else:
            yield number, point


class _Lines:
    """The lines of a body as text, which can be put back; what is not text is refused."""

    def __init__(self, stream: body.Stream, refused: Refused):
        self._source = _decoded(stream, refused)
        self._again: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while True:
            while self._again:
                yield self._again.popleft()
            # A line at a time only where one was put back.
            for each in self._source:
                yield each
                if self._again:
                    break
            else:
                return

    def to_the_quote(self) -> list[tuple[int, str]]:
        """Take the lines up to the next one with a quote: text may have line feeds in it."""
        taken, size = [], 0
        while size < body.LONGEST_LINE:
            found = self._again.popleft() if self._again else next(self._source, None)
            if found is None:
                break
            taken.append(found)
            size += len(found[1])
            if '"' in found[1]:
                break
        return taken

    def back(self, taken: list[tuple[int, str]]) -> None:
        """Put lines back."""
        self._again.extendleft(reversed(taken))


def _decoded(stream: body.Stream, refused: Refused) -> Iterator[tuple[int, str]]:
    for block in body.blocks(stream):
        for number, line in enumerate(block.lines, block.line):
            if not line:
                if line is None:
                    refused.add(number, too_long())
                # A blank one is none, but within quotes.
                yield number, ""
                continue
            try:
                yield number, line.decode()
            except UnicodeDecodeError as error:
                refused.add(number, f"byte {error.start + 1} of the line is not UTF-8")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return parse_line(text)
    except LineFormatError:
        return None


def _why(error: LineFormatError) -> str:
    said = str(error).rstrip(".")
    return WHY.get(said, said)


def _is_open(line: str) -> bool:
    """Whether a quote is open at the end of a line."""
    return '"' in line and OPAQUE.sub("", line).count('"') % 2 == 1


def _repeats(text: str, point: Mapping[str, Any]) -> bool:
    """Whether there are more pairs in a text than the parser kept, which is the first of a name."""
    # A measurement may have one of its own.
    pairs = OPAQUE.sub("", text).count("=") - point["measurement"].count("=")
    return pairs > len(point["tags"]) + len(point["fields"])
