"""Rows of a table, a batch at a time: however many there are, one batch is held.

They are read with a server-side cursor, whose statements are short: a reader who is gone is
noticed between two of them, and with the transaction the cursor ends. (COPY is not to be had where
``timestack.deadline`` watches what the web waits for.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Select, column, select, table
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.export.tables import Column, WrongParameter, columns, typed
from timestack.series import catalog

# Rows of a batch: some hundred kilobytes.
BATCH = 10_000


@dataclass(frozen=True)
class Rows:
    """Rows that were asked for: their columns, and the statement that reads them."""

    columns: tuple[Column, ...]
    statement: Select

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(each.name, each.arrow) for each in self.columns])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, and nothing where there are none.

        One transaction of its own, for the account that the thread acts for at the first step,
        and read-only; closing the generator ends it. Raises sqlalchemy.exc.SQLAlchemyError.
        """
        options = {"stream_results": True, "max_row_buffer": BATCH}
        with db.connect() as connection, connection.begin():
            found = connection.execution_options(**options).execute(self.statement)
            for rows in found.partitions(BATCH):
                values = zip(*rows, strict=True)
                arrays = [each.array(part) for each, part in zip(self.columns, values, strict=True)]
                yield pa.record_batch(arrays, schema=self.schema)


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
    declared = catalog.current()
    known = columns(session, name)
    chosen = _chosen(known, only)
    conditions = [column(key).in_(values) for key, values in typed(session, known, keys).items()]
    hypertable = declared.hypertables.get(name)
    if hypertable:
        if start and end and end <= start:
            raise WrongParameter("end", f"is not after start, {start.isoformat()}")
        first, last = declared.span(name)
        time = column(hypertable.time)
        conditions += [time >= max(start or first, first), time < min(end or last, last)]
        order = [time]
    else:
        if start or end:
            raise WrongParameter("start" if start else "end", f"`{name}` has no time to choose by")
        parts = [each for each in known.values() if each.place]
        order = [column(each.name) for each in sorted(parts, key=lambda part: part.place)]
    statement = select(*(each.selected for each in chosen)).select_from(table(name))
    return Rows(chosen, statement.where(*conditions).order_by(*order))


def _chosen(known: Mapping[str, Column], only: Sequence[str] | None) -> tuple[Column, ...]:
    if only is None:
        return tuple(known.values())
    wrong = [each for each in only if each not in known]
    if wrong:
        raise WrongParameter("columns", f"no column `{wrong[0]}`: there are {', '.join(known)}")
    if len(set(only)) < len(only):
        raise WrongParameter("columns", "names a column twice")
    return tuple(known[each] for each in only)
