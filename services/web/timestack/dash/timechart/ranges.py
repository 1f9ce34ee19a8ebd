"""The range of a chart: a button's name, a duration or two instants, and the time that it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from timestack.series.extent import Extent

RANGES = {"1d": "1 d", "7d": "7 d", "1m": "1 m", "all": "all"}
DAYS = {"1d": timedelta(days=1), "7d": timedelta(days=7)}
DEFAULT_RANGE = "all"
# The last part of the history, as a reader has zoomed to it who follows what is new.
LATEST = re.compile(r"PT(\d{1,11})S", re.ASCII)


class UnknownRangeError(ValueError):
    """The text is neither a key of RANGES, nor a duration, nor two instants."""

    def __init__(self, text: object):
        super().__init__(
            f"“{text}” is not a range: use one of {', '.join(RANGES)}, the seconds up to the newest"
            " row such as PT3600S, or two instants such as"
            " 2013-03-01T00:00:00Z/2013-03-08T00:00:00Z."
        )


@dataclass(frozen=True)
class Window:
    """What part of time is in view, both ends inclusive and in UTC."""

    start: datetime
    end: datetime


def follows(span: str) -> bool:
    """Whether a range that is known ends at the newest row, whichever that is."""
    return "/" not in span


def window(span: str, extent: Extent) -> Window:
    """Return the time that a range means, counted back from the last row, within the extent.

    ``span`` is a key of RANGES, or in ISO 8601 a number of seconds such as "PT3600S" or
    "<start>/<end>" with a zone. Raises UnknownRangeError.
    """
    if span == "all":
        return Window(extent.first, extent.last)
    latest = LATEST.fullmatch(span)
    if latest and int(latest[1]):
        longest = (extent.last - extent.first).total_seconds()
        return Window(extent.last - timedelta(seconds=min(int(latest[1]), longest)), extent.last)
    if span in RANGES:
        end = extent.last
        start = end - DAYS[span] if span in DAYS else _month_before(end)
        return Window(max(start, extent.first), end)
    try:
        start, end = map(datetime.fromisoformat, span.split("/"))
        within = max(start, extent.first), min(end, extent.last)
    except (ValueError, TypeError):
        raise UnknownRangeError(span) from None
    if end <= start:
        raise UnknownRangeError(span)
    # A range that there is nothing of, such as one of another choice: all there is.
    if within[1] <= within[0]:
        within = extent.first, extent.last
    return Window(*(each.astimezone(UTC) for each in within))


def _month_before(time: datetime) -> datetime:
    """The same day and hour of the month before, or its last day where it has no such day."""
    last = time.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(time.day, last.day))
