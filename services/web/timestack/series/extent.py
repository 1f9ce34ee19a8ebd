"""From when to when a hypertable has rows, of a key or of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, column, func, select, table, text
from sqlalchemy.orm import Session

from timestack.series import catalog
from timestack.series.question import several

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
    declared = catalog.current()
    time = column(declared.hypertables[name].time, DateTime(timezone=True))
    since, until = declared.span(name)
    asked = (column(key).in_(several(given)) for key, given in keys.items())
    shown = (time >= since, time < until, *asked)
    times = select(time).select_from(table(name)).where(*shown).limit(1)
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
    declared = catalog.current()
    time = column(declared.hypertables[name].time, DateTime(timezone=True))
    since, until = declared.span(name)
    chunks = session.execute(CHUNKS, {"name": name, "since": since, "until": until}).all()

    def found(end: ColumnElement[datetime], order: Iterable[tuple[datetime, datetime]]):
        for start, stop in order:
            rows = select(end).select_from(table(name)).where(time >= start, time < stop)
            if (moment := session.scalar(rows)) is not None:
                return moment
        return None

    first = found(func.min(time), chunks)
    if first is None:
        return None
    return Extent(first, found(func.max(time), reversed(chunks)))
