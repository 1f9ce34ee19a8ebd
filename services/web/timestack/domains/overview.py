"""What the stack holds and how it is, in a few figures and one chart that are cheap to compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg2.errors import QueryCanceled
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from timestack.domains import sensors
from timestack.domains.alerts import listing as alerts
from timestack.domains.datasets import tables
from timestack.domains.datasets.tables import Table
from timestack.domains.jobs import listing as jobs
from timestack.domains.sensors import Sensor
from timestack.series.extent import extent
from timestack.series.query import MICROSECOND, Series, UnknownSeries, query

# The preferred sensor of the chart; without it, the first one.
SHOWN = "temperature"
SPAN = timedelta(days=365)
POINTS = 120


@dataclass(frozen=True)
class Overview:
    """``datasets`` are the declared hypertables that everybody may read, in the file's order.

    Those that cannot be looked at within a second are ``slow``, by name. ``alerts`` are those that
    are open, by state. ``jobs`` are those that are queued and running now and that ended within a
    day, by state; None for those who may not see jobs.
    """

    datasets: Sequence[Table]
    slow: Sequence[str]
    trend: Trend | None
    alerts: Mapping[str, int]
    jobs: Mapping[str, int] | None

    @property
    def is_empty(self) -> bool:
        """Whether there is not a row in any of them."""
        return not self.slow and all(each.extent is None for each in self.datasets)


@dataclass(frozen=True)
class Trend:
    """One sensor's last year of readings, in at most 2 x POINTS buckets and never empty."""

    sensor: Sensor
    series: Series


def read(session: Session, *, editor: bool = False) -> Overview:
    """Return the figures as they are now, with those of jobs for an ``editor``.

    Raises sqlalchemy.exc.OperationalError when the database is away.
    """
    session.execute(text("set local statement_timeout = '1s'"))
    found, slow = [], []
    for name in tables.names():
        try:
            with session.begin_nested():
                found += tables.read(session, [name]).values()
        except OperationalError as error:
            if not isinstance(error.orig, QueryCanceled):
                raise
            slow.append(name)
    return Overview(
        datasets=found,
        slow=slow,
        trend=_trend(session),
        alerts=alerts.counts(session),
        jobs=jobs.counts(session) if editor else None,
    )


def _trend(session: Session) -> Trend | None:
    known = sensors.catalogue(session)
    if not known or "readings" not in tables.names():
        return None
    sensor = next((each for each in known if each.type == SHOWN), known[0])
    keys = {"sensor_id": sensor.id}
    found = extent(session, "readings", keys)
    if found is None:
        return None
    end = found.last + MICROSECOND
    try:
        (series,) = query(session, "readings", keys, end - SPAN, end, POINTS)
    except UnknownSeries:
        # hypertables.yaml may not declare the rollup that this page draws.
        return None
    return Trend(sensor, series)
