"""The statements that read a question's points, composed for the sources that answer it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Double,
    Interval,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    extract,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from timestack.series.points import AGGREGATES
from timestack.series.question import Question, Shape
from timestack.series.sources import Source
from timestack.series.sql import finite, selectable

PSYCOPG2 = PGDialect_psycopg2()


def newest(source: Source, first: datetime, last: datetime) -> Select:
    """The last bucket of a rollup among those with a time that pages show."""
    bucket = column(source.time)
    found = select(func.max(bucket)).select_from(selectable(source.table))
    return found.where(bucket >= first, bucket < last)


def rows(source: Source, question: Question, limit: int) -> Select:
    """The rows themselves, each a point; ``limit`` is of all keys together."""
    time, number = column(source.time), cast(_finite(question.value), Double)
    conditions = [time >= question.start, time < question.end]
    for name, values in question.keys.items():
        key = column(name)
        conditions.append(key == values[0] if len(values) == 1 else key.in_(values))
    if question.apart:
        conditions.append(number.is_not(None))
    points = (
        select(
            *map(column, question.keys),
            time.label("time"),
            *(number.label(name) for name in ("min", "max", "mean", "sum")),
            cast(func.num_nonnulls(number), Double).label("count"),
            *(number.label(name) for name in ("first", "last")),
        )
        .select_from(selectable(source.table))
        .where(*conditions)
        .limit(limit)
    )
    return _arrays(points, question.keys)


@lru_cache(maxsize=512)
def buckets(parts: tuple[Source, ...], shape: Shape, *, is_local: bool, as_they_are: bool) -> str:
    """The statement for these sources and numbers of keys, for the driver.

    Its parameters are ``width``, ``zone``, ``since_0``, ``until_0`` and so on of each part, and
    ``key_0`` and so on of each key column: one value, or a list. ``as_they_are`` makes a row of
    the first part a point. Composing it takes longer than running it, and there are few different
    ones.
    """
    selects = [_part(number, source, shape) for number, source in enumerate(parts)]
    points = []
    if as_they_are:
        found = selects.pop(0).subquery().c
        amounts = [found[name] for name in ("min", "max", "sum", "n", "first", "last")]
        keys = [found[name] for name in shape.names]
        points.append(select(*keys, found.time, *_aggregates(*amounts)))
    if selects:
        points.append(_merged(union_all(*selects), shape, is_local=is_local))
    statement = _arrays(union_all(*points) if len(points) > 1 else points[0], shape.names)
    return str(statement.compile(dialect=PSYCOPG2))


def _part(number: int, source: Source, shape: Shape) -> Select:
    """The rows of one source between its bounds, with the amounts that make aggregates."""
    time = column(source.time, DateTime(timezone=True))
    labels = ("n", "sum", "min", "max", "first", "last")
    if source.width:
        amounts = [column(f"{shape.value}_{part}") for part in labels]
    else:
        each = _finite(shape.value)
        amounts = [func.num_nonnulls(each), *(each for _ in labels[1:])]
    # A sum of whole numbers would be of type numeric, which is slow.
    amounts[0] = cast(amounts[0], Double)
    conditions = [time >= bindparam(f"since_{number}"), time < bindparam(f"until_{number}")]
    for place, (name, size) in enumerate(shape.sizes):
        given = bindparam(f"key_{place}")
        conditions.append(column(name) == (given if size == 1 else func.any(given)))
    return (
        select(
            *map(column, (*shape.names, *shape.summed)),
            time.label("time"),
            *(amount.label(label) for amount, label in zip(amounts, labels, strict=True)),
        )
        .select_from(selectable(source.table))
        .where(*conditions)
    )


def _merged(rows: CompoundSelect, shape: Shape, *, is_local: bool) -> Select:
    """Points of the chart's buckets, each of all ``rows`` in it, or of each key's added up."""
    found = rows.subquery().c
    zone = [cast(bindparam("zone"), Text)] if is_local else []
    bucket = func.time_bucket(cast(bindparam("width"), Interval), found.time, *zone)
    keys = [found[name] for name in (*shape.names, *shape.summed)]
    counts = found.n > text("0")
    merged = select(
        *keys,
        bucket.label("time"),
        *_aggregates(
            func.min(found["min"]),
            func.max(found["max"]),
            func.sum(found["sum"]),
            func.sum(found.n),
            func.first(found["first"], found.time).filter(counts),
            func.last(found["last"], found.time).filter(counts),
        ),
    ).group_by(*keys, bucket)
    if not shape.summed:
        return merged
    each = merged.subquery().c
    kept = [*(each[name] for name in shape.names), each.time]
    return select(*kept, *(func.sum(each[name]).label(name) for name in AGGREGATES)).group_by(*kept)


def _aggregates(low, high, total, number, first, last) -> list[ColumnElement]:
    # The mean by the operator itself: SQLAlchemy's division would go by way of numeric.
    mean = total.op("/")(func.nullif(number, text("0")))
    found = (low, high, mean, total, number, first, last)
    return [cast(each, Double).label(name) for each, name in zip(found, AGGREGATES, strict=True)]


def _arrays(points: Select | CompoundSelect, names: Iterable[str]) -> Select:
    """One row per key, its points as arrays: a row each would take the client longer to read.

    The arrays come as PostgreSQL sends them in binary, of which numpy makes numbers at once; text
    would be made of each number on one side and taken apart on the other.
    """
    found = points.subquery()
    keys = [found.c[name] for name in names]
    microseconds = cast(extract("epoch", found.c.time) * text("1000000"), BigInteger)
    missing = text("double precision 'NaN'")
    values = (func.coalesce(found.c[name], missing) for name in AGGREGATES)
    return select(
        *keys,
        *(
            func.array_send(func.array_agg(aggregate_order_by(each, found.c.time)))
            for each in (microseconds, *values)
        ),
    ).group_by(*keys)


def _finite(value: str) -> ColumnElement:
    """The value, or null where it is NaN or infinite: such a row must not hide the others."""
    return case((text(finite(value)), column(value)))
