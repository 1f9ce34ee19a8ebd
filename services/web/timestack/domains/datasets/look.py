"""A look into a hypertable: which series it has, and its newest rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Text, cast, column, func, select
from sqlalchemy.orm import Session

from timestack.domains.datasets.describe import LONGEST
from timestack.domains.datasets.tables import NUMBERS, Table
from timestack.series.sql import selectable

# What is shown as it is; all else as its text, a decimal with all of its digits.
SAME = frozenset({"smallint", "integer", "bigint", "real", "double precision"})


class Column(NamedTuple):
    """A column of rows that are shown."""

    name: str
    is_number: bool


@dataclass(frozen=True)
class Rows:
    """Rows by time, the newest first."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[int | float | str | None]]


def charted(about: Table) -> list[str]:
    """Return the columns that have rollups, in the table's order."""
    values = {value for rollup in about.declared.rollups for value in rollup.values}
    return [name for name in about.columns if name in values]


def keys_of(about: Table, value: str) -> list[str]:
    """Return the keys that tell the series of a value apart, in their declared order."""
    able = [rollup.keys for rollup in about.declared.rollups if value in rollup.values]
    return list(max(able, key=len, default=[]))


def series(session: Session, about: Table, value: str, most: int) -> list[dict[str, Any]]:
    """Return the first series of a value, each the values of its keys, in order.

    They are those of its coarsest rollup, where each has the fewest rows.
    """
    keys = keys_of(about, value)
    if not keys:
        return []
    rollup = next(
        each for each in about.declared.rollups if each.keys == keys and value in each.values
    )
    coarsest = list(rollup.tables(about.name).values())[-1]
    columns = [column(key) for key in keys]
    found = session.execute(
        select(*columns)
        .distinct()
        .select_from(selectable(coarsest))
        .where(*(each.is_not(None) for each in columns))
        .order_by(*columns)
        .limit(most)
    )
    return [dict(zip(keys, row, strict=True)) for row in found]


def newest(session: Session, about: Table, most: int) -> Rows:
    """Return the newest rows of a table; texts are cut to LONGEST characters."""
    columns = [Column(name, type in NUMBERS) for name, type in about.columns.items()]
    shown = (
        column(name) if type in SAME else func.left(cast(column(name), Text), LONGEST)
        for name, type in about.columns.items()
    )
    time = column(about.declared.time)
    # Without an end the newest chunk is read first, and often no other.
    found = select(*shown).select_from(selectable(about.name)).order_by(time.desc()).limit(most)
    return Rows(columns, [tuple(row) for row in session.execute(found)])
