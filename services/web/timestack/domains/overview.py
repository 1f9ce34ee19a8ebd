"""What the database holds, in a few figures and one chart that are cheap to compute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.domains import sensors
from timestack.domains.sensors import Sensor
from timestack.series import catalog
from timestack.series.extent import extent
from timestack.series.query import MICROSECOND, Series, UnknownSeries, query

# The row count is the planner's estimate, chunk by chunk. First and last time are looked up per
# sensor at both ends of the index (sensor_id, time desc): the table itself is never read. A time
# outside the declared bounds, from before these, may be one that Python does not have.
FIGURES = text("""
    select count(*) as sensors,
           approximate_row_count('readings') as readings,
           min(first.time) as first,
           max(last.time) as last
    from sensors
    left join lateral (
        select time from readings where sensor_id = sensors.id and time >= :since and time < :until
         order by time limit 1
    ) as first on true
    left join lateral (
        select time from readings where sensor_id = sensors.id and time >= :since and time < :until
         order by time desc limit 1
    ) as last on true
""")

# The preferred sensor of the chart; without it, the first one.
SHOWN = "temperature"
SPAN = timedelta(days=365)
POINTS = 120


@dataclass(frozen=True)
class Overview:
    """``readings`` is an estimate, rounded to three digits; 0 where there is none yet.

    ``first`` and ``last`` are UTC, None without readings.
    """

    sensors: int
    readings: int
    first: datetime | None
    last: datetime | None
    trend: Trend | None


@dataclass(frozen=True)
class Trend:
    """One sensor's last year of readings, in at most 2 x POINTS buckets and never empty."""

    sensor: Sensor
    series: Series


def read(session: Session) -> Overview:
    """Return the figures as they are now.

    Raises sqlalchemy.exc.DBAPIError when one of them takes more than a second.
    """
    session.execute(text("set local statement_timeout = '1s'"))
    since, until = catalog.current().span("readings")
    row = session.execute(FIGURES, {"since": since, "until": until}).one()
    trend = _trend(session) if row.last else None
    return Overview(row.sensors, _round(row.readings), row.first, row.last, trend)


def _trend(session: Session) -> Trend | None:
    known = sensors.catalogue(session)
    sensor = next((each for each in known if each.type == SHOWN), known[0])
    keys = {"sensor_id": sensor.id}
    found = extent(session, "readings", keys)
    if found is None:
        return None
    end = found.last + MICROSECOND
    try:
        (series,) = query(session, "readings", keys, end - SPAN, end, POINTS)
    except UnknownSeries:
        # hypertables.yaml may not declare what this page draws.
        return None
    return Trend(sensor, series)


def _round(estimate: int) -> int:
    return round(estimate, 3 - len(str(estimate))) if estimate > 999 else max(estimate, 0)
