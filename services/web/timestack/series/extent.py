"""From when to when a hypertable has rows, of a key or of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, column, func, select, text
from sqlalchemy.orm import Session

from timestack.series import uploaded
from timestack.series.question import several
from timestack.series.sql import selectable

# The times that the chunks of a hypertable are for, oldest first.
CHUNKS = text("""
    select distinct greatest(range_start, :since) as start, least(range_end, :until) as stop
      from timescaledb_information.chunks
     where format('%I.%I', hypertable_schema, hypertable_name)::regclass = to_regclass(:name)
       and range_start < :until and range_end > :since
     order by start
""")


@dataclass(frozen=True)
class Extent:
    """The times of the first and the last row, both inclusive and in UTC."""

    first: datetime
    last: datetime


def extent(session: Session, name: str, keys: Mapping[str, Any]) -> Extent | None:
    """Return the times of the first and the last row with these values of the key columns.

    ``keys`` maps key columns to a value or several, as for ``series.query``. None while there is
    none. A row outside of the table's declared bounds, from before they were declared, does not
    count. With one value of every key column, each time is one step in the unique index, read from
    either end.
    """
    declared = uploaded.find(session, name)
    time = column(declared.hypertables[name].time, DateTime(timezone=True))
    since, until = declared.span(name)
    asked = (column(key).in_(several(given)) for key, given in keys.items())
    shown = (time >= since, time < until, *asked)
    times = select(time).select_from(selectable(name)).where(*shown).limit(1)
    first, last = session.execute(
        select(
            times.order_by(time).scalar_subquery(),
            times.order_by(time.desc()).scalar_subquery(),
        )
    ).one()
    return None if first is None else Extent(first, last)


def whole(session: Session, name: str) -> Extent | None:
    """Return the times of a hypertable's first and last row, or None.

    Rows outside of its declared bounds do not count. A table whose indexes begin with a key is
    read for it: the oldest and the newest chunk, and not those between.
    """
    chunks = _chunks(session, name)
    first = _found(session, name, func.min, chunks)
    if first is None:
        return None
    return Extent(first, _found(session, name, func.max, chunks[::-1]))


def newest(session: Session, name: str) -> datetime | None:
    """Return the time of a hypertable's newest row, or None; as ``whole``, of one end."""
    return _found(session, name, func.max, _chunks(session, name)[::-1])


def _chunks(session: Session, name: str) -> Sequence[tuple[datetime, datetime]]:
    since, until = uploaded.find(session, name).span(name)
    return session.execute(CHUNKS, {"name": name, "since": since, "until": until}).all()


def _found(
    session: Session,
    name: str,
    end: Callable[[ColumnElement[datetime]], ColumnElement[datetime]],
    chunks: Sequence[tuple[datetime, datetime]],
) -> datetime | None:
    """The end of the rows' times in the first of the chunks that has rows."""
    time = column(uploaded.find(session, name).hypertables[name].time, DateTime(timezone=True))
    for start, stop in chunks:
        rows = select(end(time)).select_from(selectable(name)).where(time >= start, time < stop)
        if (moment := session.scalar(rows)) is not None:
            return moment
    return None
