"""From when to when a hypertable has rows of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, column, select, table
from sqlalchemy.orm import Session

from timestack.series import catalog


@dataclass(frozen=True)
class Extent:
    """The times of the first and the last row, both inclusive and in UTC."""

    first: datetime
    last: datetime


def extent(session: Session, name: str, keys: Mapping[str, Any]) -> Extent | None:
    """Return the times of the first and the last row with these values of the key columns.

    None while there is none. A row outside of the table's declared bounds, from before they were
    declared, does not count. With every key column given, each time is one step in the unique
    index, read from either end.
    """
    declared = catalog.current()
    time = column(declared.hypertables[name].time, DateTime(timezone=True))
    since, until = declared.span(name)
    shown = (time >= since, time < until, *(column(key) == keys[key] for key in keys))
    times = select(time).select_from(table(name)).where(*shown).limit(1)
    first, last = session.execute(
        select(
            times.order_by(time).scalar_subquery(),
            times.order_by(time.desc()).scalar_subquery(),
        )
    ).one()
    return None if first is None else Extent(first, last)
