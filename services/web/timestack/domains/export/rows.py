"""Rows of a table, a batch at a time: however many there are, one batch is held.

They are read with a server-side cursor in one snapshot. A hypertable is sorted by its time a chunk
after the other: PostgreSQL would sort all of it before the first row. (COPY is not to be had where
``timestack.deadline`` watches what the web waits for.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import pyarrow as pa
from sqlalchemy import Connection, Select, column, select, text
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.export.tables import Column, GoneError, WrongParameter, columns, typed
from timestack.series import uploaded
from timestack.series.sql import relation, selectable

# Rows of a batch: some hundred kilobytes.
BATCH = 10_000
# Seconds for a statement, the longest of which sorts a chunk.
LONGEST_STATEMENT = 60.0
# Where chunks begin, between two times.
CHUNKS = text("""
select distinct range_start from timescaledb_information.chunks
 where format('%I.%I', hypertable_schema, hypertable_name)::regclass = to_regclass(:table)
   and range_start > :since and range_start < :until
 order by range_start
""")


@dataclass(frozen=True)
class Rows:
    """Rows that were asked for: their columns, and the statement that reads them.

    Of a hypertable, ``since <= time < until``; else all three are None.
    """

    table: str
    columns: tuple[Column, ...]
    statement: Select
    time: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return pa.schema([(each.name, each.arrow) for each in self.columns])

    def batches(self, gone: Callable[[], bool] = lambda: False) -> Iterator[pa.RecordBatch]:
        """Yield the rows, and nothing where there are none.

        One read-only transaction, for the account that the thread acts for at the first step;
        closing the generator ends it. A statement ends early when ``gone`` says that nobody reads
        on. Raises sqlalchemy.exc.SQLAlchemyError.
        """
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        patience = db.Patience(LONGEST_STATEMENT, gone)
        with (
            db.connect().execution_options(**options) as connection,
            connection.begin(),
            db.patient(connection, patience),
        ):
            streaming = {"stream_results": True, "max_row_buffer": BATCH}
            for statement in self._statements(connection):
                found = connection.execute(statement, execution_options=streaming)
                for rows in found.partitions(BATCH):
                    columns = zip(self.columns, zip(*rows, strict=True), strict=True)
                    arrays = [each.array(values) for each, values in columns]
                    yield pa.record_batch(arrays, schema=self.schema)

    def _statements(self, connection: Connection) -> Iterator[Select]:
        if self.time is None:
            yield self.statement
            return
        bounds = {"since": self.since, "until": self.until}
        begins = connection.scalars(CHUNKS, {"table": relation(self.table), **bounds}).all()
        time = column(self.time)
        for since, until in pairwise((self.since, *begins, self.until)):
            yield self.statement.where(time >= since, time < until)


def ask(
    session: Session,
    name: str,
    keys: Mapping[str, Sequence[str]],
    *,
    only: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Rows:
    """Return the rows of a declared table: those whose columns have one of the values in ``keys``.

    ``only`` names the columns that are wanted, in that order; default: all. Rows of a hypertable
    are those of ``start <= time < end``, oldest first; a plain table has no time and comes in the
    order of its primary key.

    Raises WrongParameter.
    """
    declared = uploaded.find(session, name)
    known = columns(session, name)
    if not known:
        raise GoneError(name)
    chosen = _chosen(known, only)
    conditions = (column(key).in_(values) for key, values in typed(session, known, keys).items())
    statement = select(*(each.selected for each in chosen)).select_from(selectable(name))
    statement = statement.where(*conditions)
    hypertable = declared.hypertables.get(name)
    if hypertable:
        if start and end and end <= start:
            raise WrongParameter("end", f"is not after start, {start.isoformat()}")
        first, last = declared.span(name)
        bounds = max(start or first, first), min(end or last, last)
        order = (hypertable.time, *sorted(hypertable.unique_keys))
        return Rows(name, chosen, statement.order_by(*map(column, order)), hypertable.time, *bounds)
    if start or end:
        raise WrongParameter("start" if start else "end", f"`{name}` has no time to choose by")
    parts = sorted((each.place, each.name) for each in known.values() if each.place)
    return Rows(name, chosen, statement.order_by(*(column(part) for _, part in parts)))


def _chosen(known: Mapping[str, Column], only: Sequence[str] | None) -> tuple[Column, ...]:
    if only is None:
        return tuple(known.values())
    wrong = [each for each in only if each not in known]
    if wrong:
        raise WrongParameter("columns", f"no column `{wrong[0]}`: there are {', '.join(known)}")
    if len(set(only)) < len(only):
        raise WrongParameter("columns", "names a column twice")
    return tuple(known[each] for each in only)
