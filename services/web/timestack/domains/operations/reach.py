"""How far a hypertable has come, and its rollups behind it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import DateTime, column, func, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from timestack.domains.operations.budget import Budget, SlowError
from timestack.domains.operations.check import State
from timestack.series import extent, uploaded
from timestack.series.catalog import Hypertable
from timestack.series.sql import selectable

# Seconds for the newest row of one table, or the newest bucket of a rollup.
BRIEF = 0.3


class Reach(NamedTuple):
    """The time of the newest row (UTC), what of the rows rollups lack, and how that is.

    ``newest`` is None without rows, ``behind`` without rollups; both are where it is not known.
    """

    newest: datetime | None = None
    behind: timedelta | None = None
    state: State = "good"


def read(budget: Budget, name: str, declared: Hypertable | None) -> Reach:
    """Return how far a table and its rollups have come; of one that is not declared, nothing."""
    if declared is None:
        return Reach()
    try:
        return _read(budget, name, declared)
    except (SlowError, ProgrammingError, KeyError):
        # Too slow for a page, or a dataset that was deleted meanwhile.
        return Reach()


def _read(budget: Budget, name: str, declared: Hypertable) -> Reach:
    with budget.step(BRIEF) as session:
        newest = extent.newest(session, name)
    if newest is None or not declared.rollups:
        return Reach(newest, timedelta(0) if declared.rollups else None)
    behind, state = timedelta(0), "good"
    for rollup in declared.rollups:
        width = rollup.levels[0]
        with budget.step(BRIEF) as session:
            covered = _covered(session, name, rollup.table(name, width), width)
        behind = max(behind, newest - covered)
        # One bucket may be open, and a policy may wait for its end.
        if newest - covered > 2 * width:
            state = "look"
    return Reach(newest, behind, state)


def _covered(session: Session, name: str, rollup: str, width: timedelta) -> datetime:
    """The end of a rollup's newest bucket; of one that is empty, where the rows begin."""
    since, until = uploaded.find(session, name).span(name)
    bucket = column("bucket", DateTime(timezone=True))
    rows = select(func.max(bucket)).select_from(selectable(rollup))
    newest = session.scalar(rows.where(bucket >= since, bucket < until))
    return newest + width if newest else extent.whole(session, name).first
