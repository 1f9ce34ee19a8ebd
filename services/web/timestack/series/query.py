"""Reading a range of a hypertable at the resolution of a chart.

``query`` answers from the coarsest rollup that still gives ``points`` buckets. A rollup ends where
its last refresh did; what came since is added from the level below it, and at last from the rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, product
from math import prod
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Double,
    Interval,
    Result,
    Select,
    bindparam,
    cast,
    column,
    extract,
    func,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.orm import Session

from timestack.series import catalog

MICROSECOND = timedelta(microseconds=1)
PSYCOPG2 = PGDialect_psycopg2()
# Bucket widths that read well on an axis; none is more than twice the one before it.
ROUND = [
    unit * n
    for unit, counts in (
        *((timedelta(microseconds=10**power), (1, 2, 4, 5)) for power in range(6)),
        (timedelta(seconds=1), (1, 2, 4, 5, 10, 15, 20, 30)),
        (timedelta(minutes=1), (1, 2, 4, 5, 10, 15, 20, 30)),
        (timedelta(hours=1), (1, 2, 3, 4, 6, 8, 12)),
        *((timedelta(days=10**power), (1, 2, 4, 5)) for power in range(6)),
    )
    for n in counts
]
# time_bucket counts from here, a Monday (its documented default for fixed widths).
ORIGIN = datetime(2000, 1, 3, tzinfo=UTC)


class UnknownSeries(LookupError):
    """No such hypertable, key or value is declared in hypertables.yaml."""


@dataclass(frozen=True)
class Series:
    """One key's points, oldest first; all arrays have the same length.

    ``time`` is datetime64[us] in UTC: the start of a bucket of width ``bucket``, or the time of a
    row where ``bucket`` is None; then ``min``, ``mean`` and ``max`` are all the row's value.
    ``min``, ``max`` and ``mean`` are float64, NaN where every value of a bucket is null.
    """

    key: tuple[Any, ...]
    time: np.ndarray
    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray
    bucket: timedelta | None

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class _Source:
    """A table to read: a rollup level, or the rows themselves where ``width`` is None.

    ``exact`` tells that a bucket of it has one row per key that is asked for.
    """

    table: str
    time: str
    width: timedelta | None
    exact: bool = False


def query(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    start: datetime,
    end: datetime,
    points: int,
    *,
    value: str | None = None,
    declared: catalog.Catalog | None = None,
) -> list[Series]:
    """Return the series of each key over ``start <= time < end``, at most 2 x ``points`` long.

    ``keys`` maps key columns to a value or several: ``{"sensor_id": [1, 2]}``; with more than one
    column every combination is a series. No keys at all is the total over all of them. The result
    has one Series per key asked for, in that order; one without rows has empty arrays.

    ``value`` is the column to read; it may be left out where the table declares only one.
    Raises UnknownSeries for a table, key or value that is not declared, and ValueError for a time
    without zone, ``end`` not after ``start`` or ``points`` below 1.
    """
    _require_range(start, end, points)
    hypertable = (declared or catalog.current()).hypertables.get(table)
    if hypertable is None:
        raise UnknownSeries(f"no hypertable `{table}` is declared")
    value = _value(table, hypertable, value)
    asked = {name: _several(given) for name, given in keys.items()}
    sources = _sources(table, hypertable, set(asked), value)
    known = {name for _, name in hypertable.columns()}
    unknown = sorted(set(asked) - known)
    if unknown:
        raise UnknownSeries(f"`{table}` declares no key `{', '.join(unknown)}`")

    wanted = (end - start) / points
    fitting = [source for source in sources if source.width and source.width <= wanted]
    if not fitting:
        rows = _rows(session, hypertable, sources[-1], asked, value, start, end, 2 * points)
        if rows is not None:
            return _collect(rows, asked, None)
    width = _bucket_width(start, end, points, fitting[0].width if fitting else None)
    chain = sources[sources.index(fitting[0]) :] if fitting else sources[-1:]
    return _collect(_buckets(session, chain, asked, value, start, end, width), asked, width)


def _require_range(start: datetime, end: datetime, points: int) -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must have a time zone")
    if end <= start:
        raise ValueError(f"end {end} is not after start {start}")
    if points < 1:
        raise ValueError(f"points must be at least 1, not {points}")


def _value(name: str, hypertable: catalog.Hypertable, value: str | None) -> str:
    declared = sorted({column for rollup in hypertable.rollups for column in rollup.values})
    if value is None and len(declared) == 1:
        return declared[0]
    if value not in declared:
        which = f"no value `{value}`" if value else "several values"
        raise UnknownSeries(f"`{name}` declares {which}: choose one of {', '.join(declared)}")
    return value


def _several(given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def _sources(
    name: str, hypertable: catalog.Hypertable, keys: set[str], value: str
) -> list[_Source]:
    """Tables that can answer, coarsest first and the rows last.

    The rollup with exactly these keys, else the one with the fewest keys that include them.
    """
    rows = _Source(name, hypertable.time, None)
    able = [r for r in hypertable.rollups if keys <= set(r.keys) and value in r.values]
    if not able:
        return [rows]
    rollup = min(able, key=lambda each: len(each.keys))
    exact = set(rollup.keys) == keys
    levels = [_Source(t, "bucket", width, exact) for width, t in rollup.tables(name).items()]
    return [*reversed(levels), rows]


def _bucket_width(start: datetime, end: datetime, points: int, finest: timedelta | None):
    """The widest multiple of ``finest`` that gives ``points`` buckets, but never over 2 x points.

    Without ``finest``, for rows, the widest round width: never one of 2 h 28 min 48 s.
    """
    wanted = (end - start) / points
    if finest:
        widths = (n * finest for n in count(max(1, wanted // finest)))
    else:
        widths = iter(ROUND[max(0, bisect_right(ROUND, wanted) - 1) :])
    return next(width for width in widths if _count(start, end, width) <= 2 * points)


def _count(start: datetime, end: datetime, width: timedelta) -> int:
    return (end - MICROSECOND - ORIGIN) // width - (start - ORIGIN) // width + 1


def _filters(time: ColumnElement, asked: Mapping[str, Sequence], start, end) -> list[ColumnElement]:
    conditions = [time >= start, time < end]
    for name, values in asked.items():
        key = column(name)
        conditions.append(key == values[0] if len(values) == 1 else key.in_(values))
    return conditions


def _rows(session, hypertable, source, asked, value, start, end, most) -> list | None:
    """The rows themselves, or None when a key has more than ``most`` of them.

    Only where the keys tell rows of one time apart: of a total, every row would be a point.
    """
    unique = {catalog.name_of(each) for each in hypertable.unique or ()}
    if not unique or not unique <= {*asked, source.time}:
        return None
    time, number = column(source.time), cast(column(value), Double)
    limit = most * prod(map(len, asked.values())) + 1
    points = (
        select(
            *map(column, asked),
            time.label("time"),
            number.label("low"),
            number.label("high"),
            number.label("mean"),
        )
        .select_from(table(source.table))
        .where(*_filters(time, asked, start, end))
        .limit(limit)
    )
    rows = session.execute(_arrays(points, asked)).all()
    lengths = [(len(row[-1]) - ARRAY_HEADER) // ARRAY_ELEMENT for row in rows if row[-1]]
    return rows if sum(lengths) < limit and max(lengths, default=0) <= most else None


def _buckets(session, chain, asked, value, start, end, width: timedelta) -> Result:
    """Aggregate over buckets of ``width``: each source of the chain up to where it is complete."""
    parts: list[_Source] = []
    bounds: dict[str, Any] = {"width": width}
    since = start
    for source in chain:
        until = end
        if source.width:
            # A bucket belongs to the range when it begins in it; the first may begin before.
            since = since if parts else _floor(since, source.width)
            newest = select(func.max(column("bucket"))).select_from(table(source.table))
            last = session.scalar(newest)
            until = min(end, last) if last else since
        if until > since or source is chain[-1]:
            bounds |= {f"since_{len(parts)}": since, f"until_{len(parts)}": until}
            parts.append(source)
            since = until
        if since >= end:
            break
    sizes = tuple((name, len(values)) for name, values in asked.items())
    # Where its buckets are as wide as the chart's, a row of the rollup is a point.
    as_they_are = parts[0].exact and parts[0].width == width
    sql = _points_sql(tuple(parts), sizes, value, as_they_are=as_they_are)
    keys = {f"key_{n}": each[0] if len(each) == 1 else each for n, each in _numbered(asked)}
    return session.connection().exec_driver_sql(sql, {**bounds, **keys})


def _numbered(asked: Mapping[str, Any]) -> Iterable[tuple[int, Any]]:
    return enumerate(asked.values())


@lru_cache(maxsize=512)
def _points_sql(
    parts: tuple[_Source, ...],
    sizes: tuple[tuple[str, int], ...],
    value: str,
    *,
    as_they_are: bool,
) -> str:
    """The statement for these sources and numbers of keys, for the driver.

    Its parameters are ``width``, ``since_0``, ``until_0`` and so on of each part, and ``key_0`` and
    so on of each key column: one value, or a list. Composing it takes longer than running it, and
    there are few different ones.
    """
    names = [name for name, _ in sizes]
    selects = [_part(number, source, sizes, value) for number, source in enumerate(parts)]
    points = []
    if as_they_are:
        first = selects.pop(0).subquery()
        points.append(
            select(
                *(first.c[name] for name in names),
                first.c.time,
                cast(first.c.low, Double).label("low"),
                cast(first.c.high, Double).label("high"),
                _mean(first.c.total, first.c.n),
            )
        )
    if selects:
        merged = union_all(*selects).subquery()
        bucket = func.time_bucket(cast(bindparam("width"), Interval), merged.c.time)
        keys = [merged.c[name] for name in names]
        points.append(
            select(
                *keys,
                bucket.label("time"),
                cast(func.min(merged.c.low), Double).label("low"),
                cast(func.max(merged.c.high), Double).label("high"),
                _mean(func.sum(merged.c.total), func.sum(merged.c.n)),
            ).group_by(*keys, bucket)
        )
    statement = _arrays(union_all(*points) if len(points) > 1 else points[0], names)
    return str(statement.compile(dialect=PSYCOPG2))


def _mean(total: ColumnElement, number: ColumnElement) -> ColumnElement:
    # By the operator itself: SQLAlchemy's division would go by way of numeric.
    quotient = total.op("/")(func.nullif(number, text("0")))
    return cast(quotient, Double).label("mean")


def _arrays(points: Select | CompoundSelect, names: Iterable[str]) -> Select:
    """One row per key, its points as arrays: a row each would take the client longer to read.

    The arrays come as PostgreSQL sends them in binary, of which numpy makes numbers at once; text
    would be made of each number on one side and taken apart on the other.
    """
    found = points.subquery()
    keys = [found.c[name] for name in names]
    microseconds = cast(extract("epoch", found.c.time) * text("1000000"), BigInteger)
    missing = text("double precision 'NaN'")
    values = (func.coalesce(found.c[name], missing) for name in ("low", "high", "mean"))
    return select(
        *keys,
        *(
            func.array_send(func.array_agg(aggregate_order_by(each, found.c.time)))
            for each in (microseconds, *values)
        ),
    ).group_by(*keys)


def _part(number: int, source: _Source, sizes, value: str) -> Select:
    time = column(source.time, DateTime(timezone=True))
    if source.width:
        amounts = [column(f"{value}_{part}") for part in ("n", "sum", "min", "max")]
    else:
        each = column(value)
        amounts = [func.num_nonnulls(each), each, each, each]
    # A sum of whole numbers would be of type numeric, which is slow.
    amounts[0] = cast(amounts[0], Double)
    labels = ("n", "total", "low", "high")
    conditions = [time >= bindparam(f"since_{number}"), time < bindparam(f"until_{number}")]
    for place, (name, size) in enumerate(sizes):
        given = bindparam(f"key_{place}")
        conditions.append(column(name) == (given if size == 1 else func.any(given)))
    return (
        select(
            *(column(name) for name, _ in sizes),
            time.label("time"),
            *(amount.label(label) for amount, label in zip(amounts, labels, strict=True)),
        )
        .select_from(table(source.table))
        .where(*conditions)
    )


def _floor(time: datetime, width: timedelta) -> datetime:
    return time - (time - ORIGIN) % width


def _collect(rows, asked: Mapping[str, Sequence], bucket: timedelta | None) -> list[Series]:
    found = {tuple(row[: len(asked)]): row[len(asked) :] for row in rows}
    result = []
    for key in product(*asked.values()):
        time, *values = found.get(key, (None,) * 4)
        result.append(
            Series(
                key,
                _numbers(time, "i8").view("datetime64[us]"),
                *(_numbers(each, "f8") for each in values),
                bucket,
            )
        )
    return result


# Dimensions, a flag for nulls, the element's type, then length and lower bound of the dimension;
# behind that each element after its size in bytes. Source: array_send() in PostgreSQL's
# src/backend/utils/adt/arrayfuncs.c.
ARRAY_HEADER, ARRAY_ELEMENT = 20, 4 + 8


def _numbers(sent: memoryview | None, kind: str) -> np.ndarray:
    """The elements of an array of eight-byte numbers without nulls, as ``array_send`` gives it."""
    if not sent:
        return np.empty(0, dtype=kind)
    elements = np.dtype([("size", ">i4"), ("value", f">{kind}")])
    return np.frombuffer(sent, dtype=elements, offset=ARRAY_HEADER)["value"].astype(kind)
