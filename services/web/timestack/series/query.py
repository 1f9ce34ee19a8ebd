"""Reading a range of a hypertable at the resolution of a chart.

``query`` answers from the coarsest rollup that still gives ``points`` buckets. A rollup ends where
its last refresh did; what came since is added from the level below it, and at last from the rows.

``question`` has what is asked, ``sources`` the tables that can answer, ``parts`` what is read of
each, ``statement`` the SQL, and ``points`` what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import prod
from typing import Any, Literal

from sqlalchemy import Result
from sqlalchemy.orm import Session

from timestack.series import catalog, sources, statement, uploaded
from timestack.series.parts import split
from timestack.series.points import Series, collect, length
from timestack.series.question import Question, UnknownSeries, ask
from timestack.series.sources import MICROSECOND, Source

__all__ = ["MICROSECOND", "Series", "UnknownSeries", "query"]


def query(
    session: Session,
    table: str,
    keys: Mapping[str, Any],
    start: datetime,
    end: datetime,
    points: int,
    *,
    value: str | None = None,
    over_keys: Literal["rows", "sum", "each"] = "rows",
    bucket: timedelta | None = None,
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
    most that the sum can have been, and a key without a row in a bucket adds nothing to it. By
    "each", every row that has a value is a point of its own while there are few enough of them,
    however coarse a rollup could answer; then it is as by "rows".

    ``bucket`` asks for points of buckets of exactly this width, whatever ``points`` is.

    Buckets of a rollup with a ``timezone`` begin at local midnight; all others count from UTC.

    ``value`` is the column to read; it may be left out where the table declares only one.
    Raises UnknownSeries for a table, key or value that is not declared or keys that are not known,
    and ValueError for a time without zone, ``end`` not after ``start``, ``points`` below 1, a
    ``bucket`` of no length or another ``over_keys``.
    """
    declared = declared or uploaded.find(session, table)
    hypertable = declared.hypertables.get(table)
    if hypertable is None:
        raise UnknownSeries(f"no hypertable `{table}` is declared")
    question = ask(
        table,
        hypertable,
        keys,
        start,
        end,
        points,
        value=value,
        over_keys=over_keys,
        bucket=bucket,
    )
    able = sources.able(table, hypertable, question)
    fitting = [source for source in able if source.width and _fits(source.width, question)]
    # Only where the keys tell rows of one time apart: of a total, every row would be a point.
    apart = hypertable.unique and hypertable.unique_keys <= set(question.keys)
    may_be_rows = question.apart or (not fitting and apart and not question.summed)
    if may_be_rows and not question.bucket:
        rows = _rows(session, able[-1], question)
        if rows is not None:
            return collect(rows, question.keys, None, (table,))
    chain = sources.chain(able, fitting[0]) if fitting else able[-1:]
    width = question.bucket or sources.bucket_width(question, chain[0])
    found, tables = _buckets(session, chain, question, width, declared.span(table))
    return collect(found, question.keys, width, tables)


def _fits(width: timedelta, question: Question) -> bool:
    """Whether a rollup of this width has the question's points."""
    return not question.bucket % width if question.bucket else width <= question.step


def _rows(session: Session, source: Source, question: Question) -> list | None:
    """The rows themselves, or None when a key has more than twice the points of them."""
    most = 2 * question.points
    limit = most * prod(map(len, question.keys.values())) + 1
    rows = session.execute(statement.rows(source, question, limit)).all()
    lengths = [length(row[-1]) for row in rows]
    return rows if sum(lengths) < limit and max(lengths, default=0) <= most else None


def _buckets(
    session: Session,
    chain: list[Source],
    question: Question,
    width: timedelta,
    span: tuple[datetime, datetime],
) -> tuple[Result, tuple[str, ...]]:
    """Aggregate over buckets of ``width``: each source of the chain up to where it is complete.

    A rollup's buckets outside of ``span`` do not count. Returns the tables that were read as well.
    """
    zone = chain[0].zone
    parts = split(session, chain, question.start, question.end, span)
    bounds: dict[str, Any] = {"width": width, "zone": zone}
    for number, part in enumerate(parts):
        bounds |= {f"since_{number}": part.since, f"until_{number}": part.until}
    read = tuple(part.source for part in parts)
    # Where its buckets are as wide as the chart's, a row of the rollup is a point.
    as_they_are = read[0].exact and read[0].width == width
    sql = statement.buckets(
        read, question.shape, is_local=zone is not None, as_they_are=as_they_are
    )
    keys = {
        f"key_{number}": values[0] if len(values) == 1 else values
        for number, values in enumerate(question.keys.values())
    }
    found = session.connection().exec_driver_sql(sql, {**bounds, **keys})
    return found, tuple(source.table for source in read)
