"""What a layout declares of the table to be made of it, in the words of hypertables.yaml."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from timestack.domains.load.errors import Fault
from timestack.domains.uploads import sample
from timestack.domains.uploads.cells import rules_of
from timestack.domains.uploads.layout import SQL, Layout
from timestack.series.sql import interval_text

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Each a multiple of the one before it; the last is for data of years.
LEVELS = (timedelta(minutes=1), HOUR, DAY, 28 * DAY)
# A bucket stands for so many rows of a series at least: with fewer, the rows are as quick to read.
FEWEST = 8
CHUNKS = (HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY, 3640 * DAY, 36400 * DAY)
# Rows of a series in a chunk.
ROWS = 100_000
# Where nothing is known of a file's times.
USUAL_STEP = timedelta(minutes=5)


def usual_step(layout: Layout, file: Path, name: str) -> timedelta:
    """Return the median of the steps from a time to the next, of the first rows of one series.

    Of the series that has most of them; USUAL_STEP where none has two. Raises UnreadableError.
    """
    found = sample.read(str(file), name, complete=True, escape=layout.escape)
    cut = found.cut(layout.delimiter, len(layout.columns))
    rows = [cells for _, cells in cut if not isinstance(cells, Fault)][layout.header :]
    roles = [each.role for each in layout.columns]
    keys = [place for place, role in enumerate(roles) if role == "key"]
    series: dict[tuple[str | None, ...], set[datetime]] = defaultdict(set)
    rules, time = rules_of(layout), roles.index("time")
    for cells in rows:
        with suppress(ValueError):
            series[tuple(cells[key] for key in keys)].add(rules.read(cells[time] or ""))
    ordered = sorted(max(series.values(), key=len, default=()))
    steps = sorted(after - before for before, after in pairwise(ordered))
    return steps[len(steps) // 2] if steps else USUAL_STEP


def declared(
    layout: Layout, step: timedelta = USUAL_STEP, *, unique: bool = True
) -> dict[str, Any]:
    """Return what the table's row declares; ``step`` is the usual one from a time to the next.

    Not ``unique``: rows of one time and the same keys may be several.
    """
    kept = layout.kept
    keys = [each.name for each in kept if each.role == "key"]
    values = [
        each.name for each in kept if each.role == "value" and each.type in ("integer", "number")
    ]
    series = [*keys, f"{layout.time} desc"]
    found: dict[str, Any] = {
        "time": layout.time,
        "chunk_interval": interval_text(_chunk(step)),
        "types": [[each.name, SQL[each.type]] for each in kept],
        "indexes": [] if unique else [series],
    }
    if unique:
        found["unique"] = series
    if keys:
        # What is read of all keys is found by time alone.
        found["indexes"].append([f"{layout.time} desc"])
    if values:
        levels = [interval_text(level) for level in _levels(step)]
        found["rollups"] = [
            {"keys": each, "values": values, "levels": levels}
            for each in ([keys, []] if keys else [[]])
        ]
    return found


def _levels(step: timedelta) -> Sequence[timedelta]:
    return [level for level in LEVELS if level >= FEWEST * step] or LEVELS[-1:]


def _chunk(step: timedelta) -> timedelta:
    return next((width for width in CHUNKS if width >= ROWS * step), CHUNKS[-1])
