"""A chart that is live: what its browser shows already, and what is read again of it.

The browser (assets/follow.js) asks every few seconds from the last points on that it shows, at the
resolution that it shows: some may have been corrected meanwhile, and a bucket that fills changes
until it is full. Whatever makes a tail of no use has the whole range read again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from werkzeug.exceptions import BadRequest

from timestack.dash.timechart.figure import HOLE, usual_step
from timestack.dash.timechart.line import Line
from timestack.dash.timechart.ranges import Window
from timestack.series.query import MICROSECOND, Series

# Points that are read again each time: readings may come out of order.
OVERLAP = 5
# A tail never makes a chart longer than this many times the points that were asked for.
LONGEST = 3
MINUTE = timedelta(minutes=1)
Time = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]
# No bucket that is drawn is longer: no time of a row and a bucket after it is past the year 9999.
Step = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=36_500))]


@dataclass(frozen=True)
class Shown:
    """What a browser shows of a line.

    From ``since`` on, a whole second, points are read again. ``bucket`` is the width of its
    buckets, None where it shows readings; ``step`` is the usual one. ``end`` is that of the range
    when it was last read as a whole, and ``count`` how many points are shown.
    """

    since: Time
    bucket: Step | None
    step: Step | None
    end: Time
    count: Annotated[int, Field(ge=0)]

    def sent(self) -> dict[str, Any]:
        """The same as JSON."""
        return SHOWN.dump_python(self, mode="json")


SHOWN = TypeAdapter(Shown)


def shown(series: Series, seen: Window) -> Shown:
    """Return what a browser shows that is given a whole range."""
    step = usual_step(series)
    return Shown(_since(series, step, seen.start), series.bucket, step, seen.end, len(series))


def read(asked: Any) -> Shown | None:
    """Take apart what assets/follow.js asks: what it shows, None for nothing; raises BadRequest."""
    try:
        given = asked["shown"]
        return None if given is None else SHOWN.validate_python(given)
    except (ValidationError, TypeError, KeyError, OverflowError):
        raise BadRequest("A chart asks for what is new by what it shows already.") from None


def tail(line: Line, there: Shown, seen: Window, points: int) -> Series | None:
    """Read what of a range has changed or is new; None where all of it is to be read again.

    That is when the range has moved on by half, rows at its end are gone, too many are new, or
    they are now read at another resolution.
    """
    moved = seen.end - there.end
    if not (timedelta(0) <= moved <= (seen.end - seen.start) / 2 and there.since <= seen.end):
        return None
    if there.count > LONGEST * points or there.step is None:
        return None
    end, most = seen.end, points
    if there.bucket:
        # So many buckets of exactly this width: the source is the one that the others are from.
        most = (seen.end - there.since) // there.bucket + 1
        end = there.since + most * there.bucket - MICROSECOND
    if most > points:
        return None
    series = _from(line.read(there.since, end, most), there.since)
    if there.bucket and not series.bucket:
        series = _gathered(series, there.since, there.bucket)
    return series if series.bucket == there.bucket else None


def after(there: Shown, series: Series) -> Shown:
    """Return what a browser shows that has taken in a tail, but for the count."""
    return replace(there, since=_since(series, there.step, there.since))


def news(newest: datetime, step: timedelta | None) -> str:
    """Return what there is to say of the newest row: when it was, and whether none followed."""
    text = f"{newest:%-d %b %Y %H:%M:%S} UTC".replace(":00 UTC", " UTC")
    is_late = datetime.now(UTC) - newest > max(3 * (step or MINUTE), MINUTE)
    return f"no new readings since {text}" if is_late else f"newest reading {text}"


def _since(series: Series, step: timedelta | None, otherwise: datetime) -> datetime:
    """The last points of a series, behind the last hole among them; otherwise the time given."""
    last = series.time[-OVERLAP:]
    if not len(last):
        return otherwise
    holes = np.flatnonzero(np.diff(last) > HOLE * np.timedelta64(step)) if step else []
    first = last[holes[-1] + 1 if len(holes) else 0]
    return first.astype("datetime64[s]").item().replace(tzinfo=UTC)


def _from(series: Series, since: datetime) -> Series:
    """Without a bucket that began earlier: it was not read from its beginning."""
    there = series.time >= np.datetime64(since.replace(tzinfo=None))
    columns = {name: getattr(series, name)[there] for name in ("time", "min", "max", "mean")}
    return Series(series.key, bucket=series.bucket, **columns)


def _gathered(rows: Series, since: datetime, bucket: timedelta) -> Series:
    """Rows, so few that they were not read as buckets, as the buckets that follow ``since``."""
    there = ~np.isnan(rows.mean)
    time, values = rows.time[there], rows.mean[there]
    start, width = np.datetime64(since.replace(tzinfo=None), "us"), np.timedelta64(bucket)
    number, edges, counts = np.unique(
        (time - start) // width, return_index=True, return_counts=True
    )
    return Series(
        rows.key,
        start + number * width,
        np.minimum.reduceat(values, edges) if len(edges) else values,
        np.maximum.reduceat(values, edges) if len(edges) else values,
        np.add.reduceat(values, edges) / counts if len(edges) else values,
        bucket,
    )
