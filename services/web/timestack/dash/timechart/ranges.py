"""The range of a chart in an address: a button's name, a duration or two instants.

What part of time it means is worked out where it is drawn (assets/ranges.js).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

RANGES = {"1d": "1 d", "7d": "7 d", "1m": "1 m", "all": "all"}
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


def known(span: str) -> str:
    """Return a range as the browser reads it: instants in UTC. Raises UnknownRangeError.

    ``span`` is a key of RANGES, or in ISO 8601 a number of seconds such as "PT3600S" or
    "<start>/<end>" with a zone.
    """
    latest = LATEST.fullmatch(span)
    if span in RANGES or (latest and int(latest[1])):
        return span
    try:
        start, end = (datetime.fromisoformat(each).astimezone(UTC) for each in _zoned(span))
    except (ValueError, OverflowError):
        raise UnknownRangeError(span) from None
    if end <= start:
        raise UnknownRangeError(span)
    return f"{_text(start)}/{_text(end)}"


def _zoned(span: str) -> list[str]:
    ends = span.split("/")
    if len(ends) != 2 or any(datetime.fromisoformat(each).tzinfo is None for each in ends):
        raise ValueError("two instants with a zone")
    return ends


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
