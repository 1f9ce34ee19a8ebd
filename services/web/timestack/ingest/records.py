"""Single rows, as JSON has them: each value is judged by itself, and a faulty row is named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from timestack.domains.load.errors import listed
from timestack.ingest import body, cells
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.errors import TooLargeError, WriteError
from timestack.ingest.sensors import Names
from timestack.ingest.target import NAMES, SENSOR, UNIT, Target
from timestack.ingest.times import Clock

# Rows that are held one by one before they become columns.
MOST_HELD = 5_000


class Gatherer:
    """Takes rows one by one, and gives them by column."""

    def __init__(self, target: Target, clock: Clock, names: Names, refused: Refused):
        self._target, self._clock, self._names, self._refused = target, clock, names, refused
        self._columns = target.columns
        self._runs: dict[tuple[str, ...], tuple[list[int], list[list[Any]]]] = {}
        # By the row's key, which columns it filled: a later row of the key comes after it.
        self._seen: dict[tuple, tuple[str, ...]] = {}
        self._held = 0
        self._batches: list[Batch] = []

    def add(self, line: int, row: Any, texts: Collection[str] | None = ()) -> None:
        """Take one row, or refuse it; those of ``texts`` (None: all) are text that may be numbers.

        What is wrong with each of its values is named.
        """
        if not isinstance(row, Mapping):
            self._refused.add(line, f"{cells.kind_of(row)} and not an object of columns")
            return
        faults: list[str] = []
        taken = self._named(row, faults) if self._target.has_sensors else {}
        for name, given in row.items():
            column = self._columns.get(name)
            if column is None:
                if not (self._target.has_sensors and name in (*NAMES, UNIT)):
                    faults.append(f"{cells.shown(name)} is not a column: {self._target.known()}")
                continue
            take = cells.of_text if texts is None or name in texts else cells.of_value
            try:
                taken[name] = take(column, given, self._clock)
            except ValueError as error:
                faults.append(f"{name}: {error}")
            else:
                if fault := self._target.outside(name, taken[name]):
                    faults.append(f"{name}: {fault}")
        given = {*row, SENSOR} if SERIES in taken else row
        faults += [f"{name}: is missing" for name in self._target.missing(given)]
        if faults:
            self._refused.add(line, "; ".join(listed(faults)))
        else:
            self._hold(line, taken)

    def batches(self) -> list[Batch]:
        """Return what was taken, in the order in which rows of one key came."""
        self._release()
        return self._batches

    def _named(self, row: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
        """Return the place of the series that a reading names, if it names one."""
        if SENSOR in row:
            if any(name in row for name in (*NAMES, UNIT)):
                faults.append(f"{SENSOR}: leave it out, or {', '.join(NAMES)}")
            return {}
        parts = [row.get(name) for name in NAMES]
        unit = row.get(UNIT)
        if not all(isinstance(part, str) for part in parts) or not isinstance(unit, str | None):
            wrong = [name for name in NAMES if not isinstance(row.get(name), str)] or [UNIT]
            faults.append(f"{', '.join(wrong)}: must be text, or give {SENSOR}")
            return {SERIES: 0}
        try:
            return {SERIES: self._names.place(*parts, unit or None)}
        except ValueError as error:
            faults.append(str(error))
            return {SERIES: 0}

    def _hold(self, line: int, taken: Mapping[str, Any]) -> None:
        columns = tuple(sorted(taken))
        key = tuple(taken.get(SERIES if name == SENSOR else name, taken.get(name))
                    for name in self._target.key)  # fmt: skip
        if self._seen.setdefault(key, columns) != columns:
            self._release()
            self._seen[key] = columns
        lines, values = self._runs.setdefault(columns, ([], [[] for _ in columns]))
        lines.append(line)
        for column, name in zip(values, columns, strict=True):
            column.append(taken[name])
        self._held += 1
        if self._held >= MOST_HELD:
            self._release()

    def _release(self) -> None:
        for columns, (lines, values) in self._runs.items():
            types = [
                pa.int64() if name == SERIES else cells.type_of(self._columns[name])
                for name in columns
            ]
            arrays = [pa.array(*each) for each in zip(values, types, strict=True)]
            found = dict(zip(columns, arrays, strict=True))
            self._batches.append(Batch(np.array(lines, np.int64), found))
        self._runs.clear()
        self._seen.clear()
        self._held = 0


def read_array(stream: body.Stream, gatherer: Gatherer) -> int:
    """Take the objects of a JSON array, or one object; returns how many there were.

    Raises WriteError for what is not JSON. Lines are the numbers of the objects, from 1.
    """
    text = stream.read()
    if not text.strip():
        return 0
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WriteError(f"The body is not JSON: {error}") from None
    rows = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, 1):
        gatherer.add(number, row)
    return len(rows)


def read_lines(stream: body.Stream, gatherer: Gatherer, refused: Refused) -> int:
    """Take the objects of NDJSON, one a line; returns how many there were."""
    count = 0
    for number, line in numbered(body.blocks(stream), refused):
        count += 1
        if count > body.MOST_ROWS:
            raise TooLargeError(too_many())
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            refused.add(number, f"is not JSON: {error}")
        else:
            gatherer.add(number, row)
    return count


def numbered(blocks: Iterator[body.Text], refused: Refused) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank, with its number; one that is too long is refused."""
    for block in blocks:
        for number, line in enumerate(block.lines, block.line):
            if line is None:
                refused.add(number, too_long())
            elif line and not line.isspace():
                yield number, line


def too_long() -> str:
    """Why a line is refused that is not kept."""
    return f"is longer than {body.LONGEST_LINE // body.KIB} KiB: is a line feed missing?"


def too_many() -> str:
    """Why a body is refused."""
    return f"The body has more than {body.MOST_ROWS:,} rows: send them in several requests"
