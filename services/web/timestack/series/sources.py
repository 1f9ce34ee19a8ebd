"""The tables that can answer a question: a rollup's levels, and the rows themselves."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from timestack.series import catalog
from timestack.series.question import Question

MICROSECOND = timedelta(microseconds=1)
# Bucket widths that read well on an axis; none is more than twice the one before it.
ROUND = [
    unit * n
    for unit, counts in (
        *((timedelta(microseconds=10**power), (1, 2, 4, 5)) for power in range(6)),
        (timedelta(seconds=1), (1, 2, 4, 5, 10, 15, 20, 30)),
        (timedelta(minutes=1), (1, 2, 4, 5, 10, 15, 20, 30)),
        (timedelta(hours=1), (1, 2, 3, 4, 6, 8, 12)),
        *((timedelta(days=10**power), (1, 2, 4, 5)) for power in range(7)),
    )
    for n in counts
]
# time_bucket counts from here, a Monday (its documented default for fixed widths).
ORIGIN = datetime(2000, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """A table to read: a rollup level, or the rows themselves where ``width`` is None.

    ``exact`` means that a bucket of it has one row per key that is asked for.
    """

    table: str
    time: str
    width: timedelta | None
    exact: bool = False
    zone: str | None = None


def able(table: str, hypertable: catalog.Hypertable, question: Question) -> list[Source]:
    """Tables that can answer, coarsest first and the rows last.

    The rollup with exactly the keys of the question, else the one with the fewest that include
    them.
    """
    rows = Source(table, hypertable.time, None)
    keys = {*question.keys, *question.summed}
    found = [r for r in hypertable.rollups if keys <= set(r.keys) and question.value in r.values]
    if not found:
        return [rows]
    rollup = min(found, key=lambda each: len(each.keys))
    exact = not question.summed and set(rollup.keys) == keys
    levels = [
        Source(name, "bucket", width, exact, rollup.timezone if width >= catalog.DAY else None)
        for width, name in rollup.tables(table).items()
    ]
    return [*reversed(levels), rows]


def chain(sources: list[Source], first: Source) -> list[Source]:
    """The source to read, and those below it for what it does not hold yet.

    Not those whose buckets lie across a midnight of its time zone.
    """

    def fits(source: Source) -> bool:
        across = first.zone and source.width and not source.zone
        return not across or catalog.divides(source.width, first.zone)

    return [source for source in sources[sources.index(first) :] if fits(source)]


def bucket_width(question: Question, source: Source) -> timedelta:
    """The widest multiple of the source's that gives ``points`` buckets, and at most twice that.

    For rows, the widest round width: never one of 2 h 28 min 48 s.
    """
    start, end = question.start, question.end
    if source.zone:
        # As the clocks of the zone show it, where every day has 24 hours.
        zone = ZoneInfo(source.zone)
        start, end = (each.astimezone(zone).replace(tzinfo=UTC) for each in (start, end))
    if source.width:
        widths = (n * source.width for n in count(max(1, question.step // source.width)))
    else:
        widths = iter(ROUND[max(0, bisect_right(ROUND, question.step) - 1) :])
    return next(width for width in widths if _count(start, end, width) <= 2 * question.points)


def _count(start: datetime, end: datetime, width: timedelta) -> int:
    return (end - MICROSECOND - ORIGIN) // width - (start - ORIGIN) // width + 1
