"""One request's rows into its table, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg2 import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from timestack import db
from timestack.ingest import follow, sensors
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.body import Stream
from timestack.ingest.insert import StaleSensorsError, insert, with_ids
from timestack.ingest.sensors import Names, Series
from timestack.ingest.target import SENSOR, Target, find, forget
from timestack.ingest.times import Clock

Read = Callable[[Stream, Target, Clock, Names, Refused], list[Batch]]

# Another transaction was in the way: the same again will do.
AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)
# The table has changed since it was looked at.
CHANGED = (errors.UndefinedColumn, errors.UndefinedTable)
ATTEMPTS = 4
# What one statement may take, of up to insert.MOST_ROWS rows; and what it may unpack of the
# columnstore to find the rows that it replaces.
BEGUN = """
select set_config('statement_timeout', '60s', true),
       (select set_config(name, '0', true) from pg_settings
         where name = 'timescaledb.max_tuples_decompressed_per_dml_transaction')
"""


@dataclass(frozen=True)
class Report:
    """What was done: rows that are in the table now, sensors that are new, and what was refused."""

    written: int
    made: int
    refused: Refused


def target_of(name: str) -> Target:
    """Return the hypertable of a name; raises UnknownTableError."""
    with db.session() as session:
        return find(session.connection().connection.driver_connection, name)


def write(read: Read, stream: Stream, target: Target, clock: Clock, *, may_make: bool) -> Report:
    """Read a body and write its rows; each that is refused is in the report.

    ``may_make`` allows sensors that are not there yet. Raises WriteError where nothing is written,
    and SQLAlchemy's errors when the database is away.
    """
    names, refused = Names(), Refused()
    batches = read(stream, target, clock, names, refused)
    report = Report(0, 0, refused)
    if any(len(batch) for batch in batches):
        report = _persistently(target, batches, names.series, refused, may_make=may_make)
    if report.written:
        follow.ask(target.name)
    return report


def _persistently(
    target: Target,
    batches: Sequence[Batch],
    series: Sequence[Series],
    refused: Refused,
    *,
    may_make: bool,
) -> Report:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with db.session() as session:
                connection = session.connection()
                return _write(connection, target, batches, series, refused, may_make=may_make)
        except StaleSensorsError:
            if attempt == ATTEMPTS:
                raise
        except DBAPIError as error:
            if isinstance(error.orig, CHANGED):
                forget()
            if attempt == ATTEMPTS or not isinstance(error.orig, AGAIN):
                raise
    raise AssertionError("the last attempt raises")


def _write(
    connection: Connection,
    target: Target,
    batches: Sequence[Batch],
    series: Sequence[Series],
    refused: Refused,
    *,
    may_make: bool,
) -> Report:
    # Another attempt begins with what the body's lines were refused for.
    refused = refused.copy()
    connection.exec_driver_sql(BEGUN)
    made, written = 0, 0
    found = None
    if any(SERIES in batch.columns for batch in batches):
        found = sensors.find(connection, series, _used(batches), may_make=may_make)
        made = found.made
    for batch in batches:
        named = found is not None and SERIES in batch.columns
        rows = _named(batch, found, refused) if named else batch
        written += insert(connection, target, rows, refused, sure=named)
    return Report(written, made, refused)


def _used(batches: Sequence[Batch]) -> np.ndarray:
    """The places of the series that have rows."""
    places = [batch.columns[SERIES].to_numpy() for batch in batches if SERIES in batch.columns]
    return np.unique(np.concatenate(places))


def _named(batch: Batch, found: sensors.Found, refused: Refused) -> Batch:
    """Return readings with the ids of their sensors, without those that have none."""
    places = batch.columns[SERIES].to_numpy()
    for at in np.flatnonzero(found.ids[places] == 0):
        refused.add(int(batch.lines[at]), found.faults[int(places[at])])
    gone = refused.mask(batch.lines)
    return with_ids(batch.where(~gone) if gone.any() else batch, SERIES, found.ids, SENSOR)
