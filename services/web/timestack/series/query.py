"""Reading a range of a hypertable at the resolution of a chart.

``query`` answers from the coarsest rollup that still gives ``points`` buckets. A rollup ends where
its last refresh did; what came since is added from the level below it, and at last from the rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, product
from math import prod
from typing import Any, Literal
from zoneinfo import ZoneInfo

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
    Text,
    bindparam,
    case,
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
from timestack.series.sql import finite

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


# The order in which the database sends a point's aggregates.
AGGREGATES = ("min", "max", "mean", "sum", "count", "first", "last")


class UnknownSeries(LookupError):
    """No such hypertable, key or value is declared in hypertables.yaml."""


def _nothing() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class Series:
    """One key's points, oldest first; all arrays have the same length.

    ``time`` is datetime64[us] in UTC: the start of a bucket of width ``bucket``, or the time of a
    row where ``bucket`` is None; then every aggregate is the row's value, and ``count`` is 1.

    Aggregates are float64 in the value's unit. Each is over the rows of a bucket whose value is
    neither null nor NaN nor infinite; ``count`` is how many these are, and 0 makes the others NaN.
    ``mean`` is ``sum / count``: every row weighs the same, however long it stood for. ``sum`` adds
    up rows and not time: of readings in W it is W times the number of readings, and energy only
    after a multiplication by the time between two. ``first`` and ``last`` are the values of the
    earliest and the latest row.
    """

    key: tuple[Any, ...]
    time: np.ndarray
    min: np.ndarray
    max: np.ndarray
    mean: np.ndarray
    bucket: timedelta | None
    sum: np.ndarray = field(default_factory=_nothing)
    count: np.ndarray = field(default_factory=_nothing)
    first: np.ndarray = field(default_factory=_nothing)
    last: np.ndarray = field(default_factory=_nothing)

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
    zone: str | None = None


def query(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    start: datetime,
    end: datetime,
    points: int,
    *,
    value: str | None = None,
    over_keys: Literal["rows", "sum"] = "rows",
    declared: catalog.Catalog | None = None,
) -> list[Series]:
    """Return the series of each key over ``start <= time < end``, at most 2 x ``points`` long.

    ``keys`` maps key columns to a value or several: ``{"sensor_id": [1, 2]}``; with more than one
    column every combination is a series. The result has one Series per key asked for, in that
    order; one without rows has empty arrays.

    Over key columns that are not asked for (no keys at all: over all of them) it aggregates as
    ``over_keys`` says. By "rows", the rows of all keys count alike: ``mean`` is the mean of the
    rows, so of ten meters of 725 W each it is 725 W. By "sum", each aggregate is taken of each key
    by itself and added up: ``mean`` is then 7,250 W, ``min`` and ``max`` are the least and the
    most that the sum can have been, and a key without a row in a bucket adds nothing to it.

    Buckets of a rollup with a ``timezone`` begin at local midnight; all others count from UTC.

    ``value`` is the column to read; it may be left out where the table declares only one.
    Raises UnknownSeries for a table, key or value that is not declared or keys that are not known,
    and ValueError for a time without zone, ``end`` not after ``start``, ``points`` below 1 or
    another ``over_keys``.
    """
    _require_sound(start, end, points, over_keys)
    declared = declared or catalog.current()
    hypertable = declared.hypertables.get(table)
    if hypertable is None:
        raise UnknownSeries(f"no hypertable `{table}` is declared")
    value = _value(table, hypertable, value)
    asked = {name: _several(given) for name, given in keys.items()}
    summed = _summed_keys(table, hypertable, set(asked), value) if over_keys == "sum" else ()
    sources = _sources(table, hypertable, {*asked, *summed}, value, is_exact=not summed)
    known = {name for _, name in hypertable.columns()}
    unknown = sorted(set(asked) - known)
    if unknown:
        raise UnknownSeries(f"`{table}` declares no key `{', '.join(unknown)}`")

    wanted = (end - start) / points
    fitting = [source for source in sources if source.width and source.width <= wanted]
    if not fitting and not summed:
        rows = _rows(session, hypertable, sources[-1], asked, value, start, end, 2 * points)
        if rows is not None:
            return _collect(rows, asked, None)
    chain = _chain(sources, fitting[0]) if fitting else sources[-1:]
    width = _bucket_width(start, end, points, chain[0].width, chain[0].zone)
    span = declared.span(table)
    asking = _Asking(span, asked, summed, value, start, end, width, chain[0].zone)
    return _collect(_buckets(session, chain, asking), asked, width)


def _require_sound(start: datetime, end: datetime, points: int, over_keys: str) -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must have a time zone")
    if end <= start:
        raise ValueError(f"end {end} is not after start {start}")
    if points < 1:
        raise ValueError(f"points must be at least 1, not {points}")
    if over_keys not in ("rows", "sum"):
        raise ValueError(f"over_keys must be rows or sum, not {over_keys}")


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


def _summed_keys(
    name: str, hypertable: catalog.Hypertable, asked: set[str], value: str
) -> tuple[str, ...]:
    """The key columns that are added up over: all of the table's that were not asked for."""
    able = [set(r.keys) for r in hypertable.rollups if value in r.values]
    unique = {catalog.name_of(each) for each in hypertable.unique or ()} - {hypertable.time}
    keys = unique or max(able, key=len, default=set())
    if not asked <= keys or not keys:
        raise UnknownSeries(f"`{name}` declares no `unique` with the keys to add up")
    return tuple(sorted(keys - asked))


def _sources(
    name: str, hypertable: catalog.Hypertable, keys: set[str], value: str, *, is_exact: bool
) -> list[_Source]:
    """Tables that can answer, coarsest first and the rows last.

    The rollup with exactly these keys, else the one with the fewest keys that include them.
    """
    rows = _Source(name, hypertable.time, None)
    able = [r for r in hypertable.rollups if keys <= set(r.keys) and value in r.values]
    if not able:
        return [rows]
    rollup = min(able, key=lambda each: len(each.keys))
    exact = is_exact and set(rollup.keys) == keys
    levels = [
        _Source(table, "bucket", width, exact, rollup.timezone if width >= catalog.DAY else None)
        for width, table in rollup.tables(name).items()
    ]
    return [*reversed(levels), rows]


def _chain(sources: list[_Source], first: _Source) -> list[_Source]:
    """The source to read, and those below it for what it does not hold yet.

    Not those whose buckets lie across a midnight of its time zone.
    """

    def fits(source: _Source) -> bool:
        across = first.zone and source.width and not source.zone
        return not across or catalog.divides(source.width, first.zone)

    return [source for source in sources[sources.index(first) :] if fits(source)]


def _bucket_width(
    start: datetime, end: datetime, points: int, finest: timedelta | None, zone: str | None
) -> timedelta:
    """The widest multiple of ``finest`` that gives ``points`` buckets, but never over 2 x points.

    Without ``finest``, for rows, the widest round width: never one of 2 h 28 min 48 s.
    """
    wanted = (end - start) / points
    if finest:
        widths = (n * finest for n in count(max(1, wanted // finest)))
    else:
        widths = iter(ROUND[max(0, bisect_right(ROUND, wanted) - 1) :])
    return next(width for width in widths if _count(start, end, width, zone) <= 2 * points)


def _count(start: datetime, end: datetime, width: timedelta, zone: str | None = None) -> int:
    if zone:
        # As the clocks of the zone show it, where every day has 24 hours.
        start, end = (each.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for each in (start, end))
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
    time, number = column(source.time), cast(_finite(column(value)), Double)
    limit = most * prod(map(len, asked.values())) + 1
    points = (
        select(
            *map(column, asked),
            time.label("time"),
            *(number.label(name) for name in ("min", "max", "mean", "sum")),
            cast(func.num_nonnulls(number), Double).label("count"),
            *(number.label(name) for name in ("first", "last")),
        )
        .select_from(table(source.table))
        .where(*_filters(time, asked, start, end))
        .limit(limit)
    )
    rows = session.execute(_arrays(points, asked)).all()
    lengths = [(len(row[-1]) - ARRAY_HEADER) // ARRAY_ELEMENT for row in rows if row[-1]]
    return rows if sum(lengths) < limit and max(lengths, default=0) <= most else None


@dataclass(frozen=True)
class _Asking:
    """One question to the sources: which keys and rows, and the buckets that they go into.

    ``span`` is within which times a rollup's buckets count.
    """

    span: tuple[datetime, datetime]
    asked: Mapping[str, Sequence]
    summed: tuple[str, ...]
    value: str
    start: datetime
    end: datetime
    width: timedelta
    zone: str | None


def _buckets(session: Session, chain: list[_Source], asking: _Asking) -> Result:
    """Aggregate over buckets of ``width``: each source of the chain up to where it is complete."""
    parts: list[_Source] = []
    bounds: dict[str, Any] = {"width": asking.width, "zone": asking.zone}
    since = asking.start
    for source in chain:
        until = asking.end
        if source.width:
            # A bucket belongs to the range when it begins in it; the first may begin before.
            since = since if parts else _floor(session, since, source)
            last = session.scalar(_newest(source, *asking.span))
            until = min(asking.end, last) if last else since
        if until > since or source is chain[-1]:
            bounds |= {f"since_{len(parts)}": since, f"until_{len(parts)}": until}
            parts.append(source)
            since = until
        if since >= asking.end:
            break
    sizes = tuple((name, len(values)) for name, values in asking.asked.items())
    # Where its buckets are as wide as the chart's, a row of the rollup is a point.
    as_they_are = parts[0].exact and parts[0].width == asking.width
    sql = _points_sql(
        tuple(parts),
        sizes,
        asking.summed,
        asking.value,
        is_local=asking.zone is not None,
        as_they_are=as_they_are,
    )
    keys = {f"key_{n}": each[0] if len(each) == 1 else each for n, each in _numbered(asking.asked)}
    return session.connection().exec_driver_sql(sql, {**bounds, **keys})


def _newest(source: _Source, first: datetime, last: datetime) -> Select:
    """The last bucket of a rollup among those with a time that pages show."""
    bucket = column(source.time)
    newest = select(func.max(bucket)).select_from(table(source.table))
    return newest.where(bucket >= first, bucket < last)


def _numbered(asked: Mapping[str, Any]) -> Iterable[tuple[int, Any]]:
    return enumerate(asked.values())


@lru_cache(maxsize=512)
def _points_sql(
    parts: tuple[_Source, ...],
    sizes: tuple[tuple[str, int], ...],
    summed: tuple[str, ...],
    value: str,
    *,
    is_local: bool,
    as_they_are: bool,
) -> str:
    """The statement for these sources and numbers of keys, for the driver.

    Its parameters are ``width``, ``zone``, ``since_0``, ``until_0`` and so on of each part, and
    ``key_0`` and so on of each key column: one value, or a list. Composing it takes longer than
    running it, and there are few different ones.
    """
    names = [name for name, _ in sizes]
    selects = [_part(number, source, sizes, summed, value) for number, source in enumerate(parts)]
    points = []
    if as_they_are:
        found = selects.pop(0).subquery().c
        amounts = [found[name] for name in ("min", "max", "sum", "n", "first", "last")]
        points.append(select(*(found[name] for name in names), found.time, *_aggregates(*amounts)))
    if selects:
        points.append(_merged(union_all(*selects), names, summed, is_local=is_local))
    statement = _arrays(union_all(*points) if len(points) > 1 else points[0], names)
    return str(statement.compile(dialect=PSYCOPG2))


def _merged(
    rows: CompoundSelect, names: list[str], summed: tuple[str, ...], *, is_local: bool
) -> Select:
    """Points of the chart's buckets, each of all ``rows`` in it, or of each key's added up."""
    found = rows.subquery().c
    zone = [cast(bindparam("zone"), Text)] if is_local else []
    bucket = func.time_bucket(cast(bindparam("width"), Interval), found.time, *zone)
    keys = [found[name] for name in (*names, *summed)]
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
    if not summed:
        return merged
    each = merged.subquery().c
    kept = [*(each[name] for name in names), each.time]
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


def _part(number: int, source: _Source, sizes, summed: tuple[str, ...], value: str) -> Select:
    time = column(source.time, DateTime(timezone=True))
    labels = ("n", "sum", "min", "max", "first", "last")
    if source.width:
        amounts = [column(f"{value}_{part}") for part in labels]
    else:
        each = _finite(column(value))
        amounts = [func.num_nonnulls(each), *(each for _ in labels[1:])]
    # A sum of whole numbers would be of type numeric, which is slow.
    amounts[0] = cast(amounts[0], Double)
    conditions = [time >= bindparam(f"since_{number}"), time < bindparam(f"until_{number}")]
    for place, (name, size) in enumerate(sizes):
        given = bindparam(f"key_{place}")
        conditions.append(column(name) == (given if size == 1 else func.any(given)))
    return (
        select(
            *(column(name) for name, _ in sizes),
            *map(column, summed),
            time.label("time"),
            *(amount.label(label) for amount, label in zip(amounts, labels, strict=True)),
        )
        .select_from(table(source.table))
        .where(*conditions)
    )


def _finite(value: ColumnElement) -> ColumnElement:
    """The value, or null where it is NaN or infinite: such a row must not hide the others."""
    return case((text(finite(value.name)), value))


def _floor(session: Session, time: datetime, source: _Source) -> datetime:
    """The start of the bucket of a rollup that holds a time."""
    if source.zone:
        # The database knows what it does where a midnight is missing or comes twice.
        return session.scalar(select(func.time_bucket(source.width, time, source.zone)))
    return time - (time - ORIGIN) % source.width


def _collect(rows, asked: Mapping[str, Sequence], bucket: timedelta | None) -> list[Series]:
    found = {tuple(row[: len(asked)]): row[len(asked) :] for row in rows}
    result = []
    for key in product(*asked.values()):
        time, *sent = found.get(key, (None,) * (1 + len(AGGREGATES)))
        values = {name: _numbers(each, "f8") for name, each in zip(AGGREGATES, sent, strict=True)}
        time = _numbers(time, "i8").view("datetime64[us]")
        result.append(Series(key, time, bucket=bucket, **values))
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
