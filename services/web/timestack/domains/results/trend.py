"""How a suite's runs come out over time, as a series."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.models.results import Run
from timestack.series.query import MICROSECOND, Series, query


def trend(
    session: Session,
    host: str,
    suite: str,
    value: Literal["pass_rate", "seconds"],
    start: datetime,
    end: datetime,
    points: int,
) -> Series:
    """Return one value of the runs, both ends inclusive, as at most 2 x ``points`` points.

    Each run is a point while these are few enough; then the rollups are asked. A run without a
    pass rate, since all its tests were skipped, is none.
    """
    column = getattr(Run, value)
    few = session.execute(
        select(Run.time, column)
        .where(
            Run.host == host,
            Run.suite == suite,
            Run.time >= start,
            Run.time <= end,
            column.is_not(None),
        )
        .order_by(Run.time, Run.file_id)
        .limit(2 * points + 1)
    ).all()
    key = {"host": host, "suite": suite}
    if len(few) > 2 * points:
        until = end + MICROSECOND
        return query(session, "test_runs", key, start, until, points, value=value)[0]
    time = np.array([time.replace(tzinfo=None) for time, _ in few], dtype="datetime64[us]")
    each = np.array([number for _, number in few], dtype="f8")
    return Series((host, suite), time, each, each, each, None)
