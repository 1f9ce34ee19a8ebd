"""The range of a chart: a button's name or two instants, and the time that it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from timestack.series.extent import Extent

RANGES = {"1d": "1 d", "7d": "7 d", "1m": "1 m", "all": "all"}
DAYS = {"1d": timedelta(days=1), "7d": timedelta(days=7)}
DEFAULT_RANGE = "all"


class UnknownRangeError(ValueError):
    """The text is neither a key of RANGES nor two instants."""

    def __init__(self, text: object):
        super().__init__(
            f"“{text}” is not a range: use one of {', '.join(RANGES)}, or two instants such as"
            " 2013-03-01T00:00:00Z/2013-03-08T00:00:00Z."
        )


@dataclass(frozen=True)
class Window:
    """What part of time is in view, both ends inclusive and in UTC."""

    start: datetime
    end: datetime


def window(span: str, extent: Extent) -> Window:
    """Return the time that a range means, counted back from the last row, within the extent.

    ``span`` is a key of RANGES or "<start>/<end>" in ISO 8601 with a zone.
    Raises UnknownRangeError.
    """
    if span == "all":
        return Window(extent.first, extent.last)
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
