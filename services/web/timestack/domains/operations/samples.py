"""What is written down each hour: the past of the charts, and what the forecast is made of.

Sizes are in GB and MB (decimal), as charts and rules of alerts show them. What could not be read
then is null.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack import cache
from timestack.domains.operations import queue, volume
from timestack.domains.operations.budget import Budget, SlowError
from timestack.domains.operations.refusals import REFUSALS, reason
from timestack.models.operations import Sample

log = logging.getLogger(__name__)

GB, MB = 1e9, 1e6
# Of the past, what the forecast is made of.
LOOKED_AT = timedelta(days=30)
# Seconds: a job waits longer than a page.
PATIENCE = 60.0

SIZE = text("select pg_database_size(current_database())")


def take(session: Session) -> dict[str, float | None]:
    """Write one row of what is so now, the only one of its minute; return its values."""
    budget = Budget(session, 3 * PATIENCE)
    found: dict[str, float | None] = dict.fromkeys(
        ("database_gb", "disk_free_gb", "disk_free_percent", "redis_mb", "waiting_jobs")
    )
    try:
        with budget.step(PATIENCE):
            found["database_gb"] = session.scalar(SIZE) / GB
        found["waiting_jobs"] = queue.due(budget, PATIENCE).count
        seen = volume.read(budget, PATIENCE)
        found["disk_free_gb"] = seen.free / GB
        found["disk_free_percent"] = seen.share_free * 100
    except (volume.UnknownError, SlowError, *REFUSALS) as error:
        log.warning("a sample is not whole: %s", reason(error))
    try:
        with cache.redis() as redis:
            found["redis_mb"] = redis.info("memory")["used_memory"] / MB
    except cache.CacheError as error:
        log.warning("a sample is without Redis: %s", error)
    minute = func.date_trunc("minute", func.now())
    session.execute(insert(Sample).values(time=minute, **found).on_conflict_do_nothing())
    return found


def free_space(budget: Budget) -> tuple[np.ndarray, np.ndarray]:
    """Return the times (seconds since 1970) and the free bytes of the samples of LOOKED_AT."""
    rows = (
        select(func.extract("epoch", Sample.time), Sample.disk_free_gb)
        .where(Sample.time > func.now() - LOOKED_AT, Sample.disk_free_gb.is_not(None))
        .order_by(Sample.time)
    )
    with budget.step() as session:
        found = session.execute(rows).all()
    seconds, free = np.array(found, dtype=float).reshape(-1, 2).T
    return seconds, free * GB
