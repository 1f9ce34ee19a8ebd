"""A hypertable's series at the resolution of a chart, as they are asked for from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import prod
from typing import Literal

from sqlalchemy.orm import Session

from timestack.domains.export.tables import Column, GoneError, WrongParameter, kept_columns, typed
from timestack.series import uploaded
from timestack.series.extent import extent
from timestack.series.points import collect
from timestack.series.query import MICROSECOND, Series, UnknownSeries, query
from timestack.series.question import OVER_KEYS, ask

MOST_POINTS = 10_000
# Points of all series together; an answer has up to twice as many.
MOST_TOGETHER = 200_000


@dataclass(frozen=True)
class Found:
    """Series over ``start <= time < end``, one for each combination of keys.

    ``keys`` are their key columns in the order of ``Series.key``, ``value`` is the column that was
    read. A time that was not asked for is None where there are no rows.
    """

    keys: tuple[Column, ...]
    value: str
    start: datetime | None
    end: datetime | None
    series: list[Series]


def read(
    session: Session,
    table: str,
    keys: Mapping[str, Sequence[str]],
    *,
    value: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    points: int,
    over_keys: Literal[OVER_KEYS] = "rows",
    bucket: timedelta | None = None,
) -> Found:
    """Read a hypertable as ``series.query`` does; ``keys`` are values as text.

    Without ``start`` from the first row of these keys on, without ``end`` to the last one. What is
    outside of the table's declared times has no rows, and is left out of the range.

    Raises WrongParameter.
    """
    declared = uploaded.find(session, table)
    hypertable = declared.hypertables.get(table)
    known = kept_columns(session, table)
    if hypertable is None or not known:
        raise GoneError(table)
    found = typed(session, {name: known[name] for name in sorted(hypertable.keys)}, keys)
    asked = tuple(known[name] for name in found)
    count = prod(map(len, found.values()))
    if count * points > MOST_TOGETHER:
        raise WrongParameter(
            "points",
            f"{count} series of {points} points are more than {MOST_TOGETHER:,} together: "
            "ask for fewer of either",
        )
    if start and end and end <= start:
        raise WrongParameter("end", f"is not after start, {start.isoformat()}")
    first, last = declared.span(table)
    try:
        value = ask(
            table, hypertable, found, first, last, points, value=value, over_keys="rows"
        ).value
    except UnknownSeries as error:
        raise WrongParameter("value", str(error)) from None
    try:
        ask(table, hypertable, found, first, last, points, value=value, over_keys=over_keys)
    except UnknownSeries as error:
        raise WrongParameter("over_keys", str(error)) from None
    if start is None or end is None:
        there = extent(session, table, found)
        if there is None:
            return Found(asked, value, start, end, collect((), found, None, ()))
        start, end = start or there.first, end or there.last + MICROSECOND
    shown = max(start, first), min(end, last)
    if shown[0] < shown[1]:
        if bucket and (shown[1] - shown[0]) / bucket > 2 * points:
            raise WrongParameter(
                "bucket", f"is too short: the time has more than twice {points} of these"
            )
        asked_for = {"value": value, "over_keys": over_keys, "bucket": bucket}
        series = query(session, table, found, *shown, points, declared=declared, **asked_for)
    else:
        series = collect((), found, None, ())
    return Found(asked, value, start, end, series)
