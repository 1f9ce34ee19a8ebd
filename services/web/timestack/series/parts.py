"""Which part of a range each table answers: a rollup up to where its last refresh came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.series import statement
from timestack.series.sources import ORIGIN, Source


@dataclass(frozen=True)
class Part:
    """What is read of a table: ``since <= time < until``, of a rollup the starts of its buckets."""

    source: Source
    since: datetime
    until: datetime


def split(
    session: Session,
    chain: Sequence[Source],
    start: datetime,
    end: datetime,
    span: tuple[datetime, datetime],
) -> list[Part]:
    """Divide a range among the tables of a chain, the coarsest first, each as far as it goes.

    Of a rollup the bucket that holds ``start`` is the first one. Its newest bucket may be
    incomplete and is left to the tables behind it; buckets outside of ``span`` do not count.
    """
    parts: list[Part] = []
    since = start
    for source in chain:
        until = end
        if source.width:
            # A bucket belongs to the range when it begins in it; the first may begin before.
            since = since if parts else floor(session, since, source)
            last = session.scalar(statement.newest(source, *span))
            until = min(end, last) if last else since
        if until > since or source is chain[-1]:
            parts.append(Part(source, since, until))
            since = until
        if since >= end:
            break
    return parts


def floor(session: Session, time: datetime, source: Source) -> datetime:
    """Return the start of the bucket of a rollup that holds a time."""
    if source.zone:
        # The database knows what it does where a midnight is missing or comes twice.
        return session.scalar(select(func.time_bucket(source.width, time, source.zone)))
    return time - (time - ORIGIN) % source.width
