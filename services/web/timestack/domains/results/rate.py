"""The pass rate of a suite's runs over time, as a series."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.models.results import Run
from timestack.series.query import MICROSECOND, Series, query


def pass_rate(
    session: Session, host: str, suite: str, start: datetime, end: datetime, points: int
) -> Series:
    """Return the pass rates in percent, both ends inclusive, as at most 2 x ``points`` points.

    Each run is a point while these are few enough; then the rollups are asked. A run without a
    rate, since all its tests were skipped, is none.
    """
    few = session.execute(
        select(Run.time, Run.pass_rate)
        .where(
            Run.host == host,
            Run.suite == suite,
            Run.time >= start,
            Run.time <= end,
            Run.pass_rate.is_not(None),
        )
        .order_by(Run.time, Run.file_id)
        .limit(2 * points + 1)
    ).all()
    key = {"host": host, "suite": suite}
    if len(few) > 2 * points:
        until = end + MICROSECOND
        return query(session, "test_runs", key, start, until, points, value="pass_rate")[0]
    time = np.array([row.time.replace(tzinfo=None) for row in few], dtype="datetime64[us]")
    rate = np.array([row.pass_rate for row in few], dtype="f8")
    return Series((host, suite), time, rate, rate, rate, None)
