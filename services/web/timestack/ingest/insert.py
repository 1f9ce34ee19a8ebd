"""A batch into its table by one statement; what PostgreSQL refuses is found and left out.

Its columns are bound as arrays: COPY is not for a process whose waits for the database are watched
(``timestack.deadline``), and measures the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
from psycopg2 import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from timestack.domains.load.refusals import fault_of
from timestack.domains.load.staging import FOREIGN_KEYS
from timestack.domains.load.table import Column
from timestack.ingest.arrays import literal
from timestack.ingest.batch import Batch, Refused
from timestack.ingest.cells import BITS, FLOATS, TIME
from timestack.ingest.errors import WriteError
from timestack.ingest.target import Target
from timestack.series.sql import fill

# Rows of one statement: long enough that a round trip costs nothing, and far below its time limit.
MOST_ROWS = 50_000
# From so many rows on it is worth trying first whether none of them is there already.
MANY = 1_000
# Rows that only PostgreSQL can refuse are looked for by halves. With more of them in one request
# than this, nothing is written.
MOST_SOUGHT = 100
REFUSALS = (errors.DataError, errors.IntegrityError, errors.RaiseException)

ADD = """
insert into {table} ({columns})
select {sql_values} from unnest({sql_arrays}) as given({columns})
"""
# The last of several rows of one key counts, and a row that stays as it is is not written again.
PUT = """
insert into {table} as old ({columns})
select distinct on ({key}) {columns}
  from (select {sql_values}, place from unnest({sql_arrays}) with ordinality
        as given({columns}, place)) as typed({columns}, place)
 order by {key}, place desc
    on conflict ({key}) do {sql_action}
"""
UPDATE = "update set {sql_sets} where ({sql_old}) is distinct from ({sql_new})"
ORPHANS = """
select place from unnest({sql_arrays}) with ordinality as given({columns}, place)
 where {sql_known} and not exists (select from {sql_parent} as parent where {sql_same})
"""


class RefusedError(Exception):
    """PostgreSQL refused a statement, and its transaction is to begin again with care."""


class StaleSensorsError(WriteError):
    """A sensor that was found is gone: look again."""

    def __init__(self) -> None:
        super().__init__("A sensor was deleted meanwhile, more than once: send the body again")


def insert_at_once(connection: Connection, target: Target, batch: Batch) -> int:
    """Write a batch of one statement, in as few round trips as can be; returns how many rows.

    Raises RefusedError where ``insert`` can find out more.
    """
    statements = _statements(target, tuple(batch.columns))
    try:
        connection.exec_driver_sql(statements[0 if len(batch) > MANY else -1], _bound(batch))
    except DBAPIError as error:
        if not isinstance(error.orig, REFUSALS):
            raise
        raise RefusedError from None
    return len(batch)


def insert(
    connection: Connection, target: Target, batch: Batch, refused: Refused, *, sure: bool
) -> int:
    """Write the rows of a batch, and return how many; the others are added to ``refused``.

    ``sure`` says that the sensors were found a moment ago. Raises WriteError for too many rows that
    PostgreSQL refuses, StaleSensorsError, and SQLAlchemy's errors for what is not a row's fault.
    """
    parts = [batch.slice(at, MOST_ROWS) for at in range(0, len(batch), MOST_ROWS)]
    # What is to be done next is last.
    waiting, sought, written = parts[::-1], 0, 0
    while waiting:
        part = waiting.pop()
        error = _attempt(connection, target, part)
        if error is None:
            written += len(part)
            continue
        if isinstance(error, errors.ForeignKeyViolation):
            if sure:
                raise StaleSensorsError
            kept = _without_orphans(connection, target, part, refused)
            if len(kept) < len(part):
                waiting.append(kept)
                continue
        if len(part) == 1:
            sought += 1
            if sought > MOST_SOUGHT:
                raise WriteError(
                    f"PostgreSQL refuses more than {MOST_SOUGHT} rows, so nothing was written."
                    f" The last one, line {part.lines[0]}: {fault_of(error)}"
                )
            refused.add(int(part.lines[0]), str(fault_of(error)))
        else:
            middle = len(part) // 2
            waiting += [part.slice(middle, len(part) - middle), part.slice(0, middle)]
    return written


def _attempt(connection: Connection, target: Target, batch: Batch) -> Exception | None:
    """Write all rows or none; returns PostgreSQL's error about a row."""
    if not len(batch):
        return None
    for statement in _statements(target, tuple(batch.columns)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(statement, _bound(batch))
        except DBAPIError as error:
            if not isinstance(error.orig, REFUSALS):
                raise
            refusal = error.orig
            if not isinstance(refusal, errors.UniqueViolation):
                return refusal
        else:
            return None
    return refusal


@lru_cache(maxsize=256)
def _cached(
    table: str, key: tuple[str, ...], columns: tuple[tuple[str, str, str], ...]
) -> tuple[str, ...]:
    """Return the statements to try: to add rows, and where one is there, to replace it."""
    names = [name for name, _, _ in columns]
    parts = {
        "table": table,
        "columns": names,
        "sql_values": ", ".join(_value(*each) for each in columns),
        "sql_arrays": ", ".join(f"%s::{_element(base)}[]" for _, _, base in columns),
    }
    add = fill(ADD, **parts)
    if not key or not set(key) <= set(names):
        return (add,)
    changed = [name for name in names if name not in key]
    action = "nothing"
    if changed:
        action = fill(
            UPDATE,
            sql_sets=", ".join(fill("{name} = excluded.{name}", name=name) for name in changed),
            sql_old=", ".join(fill("old.{name}", name=name) for name in changed),
            sql_new=", ".join(fill("excluded.{name}", name=name) for name in changed),
        )
    return add, fill(PUT, **parts, key=key, sql_action=action)


def _statements(target: Target, names: tuple[str, ...]) -> tuple[str, ...]:
    columns = [target.columns[name] for name in names]
    return _cached(
        target.name, target.key, tuple((each.name, each.type, each.base) for each in columns)
    )


def _bound(batch: Batch) -> tuple[str, ...]:
    return tuple(literal(column) for column in batch.columns.values())


def _element(base: str) -> str:
    """The type of the array that a column of a batch is bound as."""
    if base == TIME or base in BITS:
        return "bigint"
    return {"bool": "boolean"}.get(base, "float8" if base in FLOATS else "text")


def _value(name: str, type: str, base: str) -> str:
    if base == TIME:
        # Microseconds are whole numbers below 2**53 until the year 2255: nothing is rounded.
        return fill("'epoch'::timestamptz + {name} * interval '1 microsecond'", name=name)
    return fill(f"{{name}}::{type}", name=name)


def _without_orphans(
    connection: Connection, target: Target, batch: Batch, refused: Refused
) -> Batch:
    """Return the rows that refer to rows which are there; the others are refused."""
    kept = np.ones(len(batch), bool)
    rows = connection.exec_driver_sql(FOREIGN_KEYS, (target.table.name,)).all()
    for parent, relation, names, keys in rows:
        columns = [target.columns[name] for name in names if name in batch.columns]
        if len(columns) < len(names):
            continue
        for at in _orphans(connection, parent, columns, keys, batch):
            kept[at] = False
            values = ", ".join(str(batch.columns[name][at].as_py()) for name in names)
            refused.add(
                int(batch.lines[at]),
                f"{', '.join(names)}: {values} is not present in table {relation!r}",
            )
    return batch if kept.all() else batch.where(kept)


def _orphans(
    connection: Connection,
    parent: str,
    columns: Sequence[Column],
    keys: Sequence[str],
    batch: Batch,
) -> Iterator[int]:
    """Yield the places of rows that refer to nothing; what is null refers to nothing by right."""
    names = [column.name for column in columns]
    same = [
        fill(
            "parent.{key} = {sql_value}", key=key, sql_value=_value(each.name, each.type, each.base)
        )
        for key, each in zip(keys, columns, strict=True)
    ]
    statement = fill(
        ORPHANS,
        columns=names,
        sql_arrays=", ".join(f"%s::{_element(column.base)}[]" for column in columns),
        sql_known=" and ".join(fill("given.{name} is not null", name=name) for name in names),
        sql_parent=parent,
        sql_same=" and ".join(same),
    )
    arrays = tuple(literal(batch.columns[name]) for name in names)
    for (place,) in connection.exec_driver_sql(statement, arrays):
        yield place - 1


def with_ids(batch: Batch, place: str, ids: np.ndarray, name: str) -> Batch:
    """Return a batch with a column of ids instead of that of places in a list of them."""
    columns = {
        (name if each == place else each): (
            pa.array(ids[column.to_numpy()]) if each == place else column
        )
        for each, column in batch.columns.items()
    }
    return Batch(batch.lines, columns)
