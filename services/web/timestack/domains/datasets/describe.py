"""The columns of a hypertable in figures: what is there, how much, and how it is spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import errors
from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Row,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack.domains.datasets.tables import NUMBERS, Table
from timestack.series.sql import finite, selectable

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Cells that are looked at, of all columns together; of a larger table a sample of its pages.
MOST_CELLS = 2_000_000
FEWEST_ROWS, MOST_ROWS = 10_000, 200_000
SECONDS = 10
# Characters of a text.
LONGEST = 200
ORDERED = NUMBERS | {"boolean", "text", "timestamp with time zone", "date", "character varying"}


class TooLongError(Exception):
    """It takes longer than SECONDS."""

    def __init__(self):
        super().__init__(f"it takes more than {SECONDS} s: ask for a shorter time")


@dataclass(frozen=True)
class Figures:
    """One column. ``count`` is of values that are not null; a number that is not finite is a null.

    ``lowest`` and ``highest`` are numbers of a column of numbers, 0 and 1 of one of truth values,
    else texts, and None of a type that has no order or where there are none. ``mean`` and
    ``quantiles``, by their part of 1, are of numbers and truth values alone.
    """

    name: str
    type: str
    count: int
    nulls: int
    distinct: int
    lowest: float | str | None
    highest: float | str | None
    mean: float | None
    quantiles: Mapping[float, float] | None


@dataclass(frozen=True)
class Description:
    """The columns of ``rows`` rows; those of a sample, a ``part`` of all, where that is below 1."""

    rows: int
    part: float
    columns: tuple[Figures, ...]


def describe(
    session: Session, about: Table, *, start: datetime | None = None, end: datetime | None = None
) -> Description:
    """Return the figures of every column over ``start <= time < end``, by default of all rows.

    Of a table of more than some hundred thousand rows they are those of a sample. Raises
    TooLongError, which breaks a transaction off.
    """
    most = min(max(MOST_CELLS // len(about.columns), FEWEST_ROWS), MOST_ROWS)
    part = min(1.0, most / about.rows) if about.rows else 1.0
    rows = selectable(about.name)
    if part < 1:
        rows = rows.tablesample(func.system(100 * part))
    time = column(about.declared.time)
    statement = select(
        func.count().label("rows"),
        *(each for name, type in about.columns.items() for each in _figures(name, type)),
    ).select_from(rows)
    if start is not None:
        statement = statement.where(time >= start)
    if end is not None:
        statement = statement.where(time < end)
    session.execute(text("select set_config('statement_timeout', :limit, true)"),
                    {"limit": f"{SECONDS}s"})  # fmt: skip
    try:
        row = session.execute(statement).one()
    except DBAPIError as error:
        if isinstance(error.orig, errors.QueryCanceled):
            raise TooLongError from None
        raise
    return Description(row.rows, part, tuple(_read(row, about.columns)))


def _figures(name: str, type: str) -> Iterator[ColumnElement]:
    value, numeric = column(name), type in NUMBERS or type == "boolean"
    if type == "boolean":
        value = cast(value, Integer)
    elif type in NUMBERS:
        value = case((text(finite(name)), cast(value, Double)))
    elif type not in ORDERED:
        # Some types cannot be compared at all.
        value = cast(value, Text)
    yield func.count(value)
    yield func.count(value.distinct())
    if type not in ORDERED:
        yield from (literal(None), literal(None), literal(None), literal(None))
        return
    ends = (func.min(value), func.max(value))
    yield from (cast(each, Double) if numeric else func.left(cast(each, Text), LONGEST)
                for each in ends)  # fmt: skip
    if not numeric:
        yield from (literal(None), literal(None))
        return
    yield cast(func.avg(value), Double)
    yield func.percentile_cont(list(QUANTILES)).within_group(cast(value, Double))


def _read(row: Row, columns: Mapping[str, str]) -> Iterator[Figures]:
    figures = iter(row[1:])
    for name, type in columns.items():
        count, distinct, lowest, highest, mean, quantiles = (next(figures) for _ in range(6))
        by_part = dict(zip(QUANTILES, quantiles, strict=True)) if quantiles else None
        yield Figures(name, type, count, row.rows - count, distinct, lowest, highest, mean, by_part)
