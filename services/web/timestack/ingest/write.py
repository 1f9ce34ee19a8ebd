"""One request's rows into its table, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from psycopg2 import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from timestack import db
from timestack.ingest import follow, sensors
from timestack.ingest.batch import SERIES, Batch, Refused
from timestack.ingest.body import Stream
from timestack.ingest.insert import (
    MANY,
    MOST_ROWS,
    RefusedError,
    StaleSensorsError,
    insert,
    insert_at_once,
    with_ids,
)
from timestack.ingest.sensors import Names, Series
from timestack.ingest.target import SENSOR, Target, find, forget, kept
from timestack.ingest.times import Clock

Read = Callable[[Stream, Target, Clock, Names, Refused], list[Batch]]

# Another transaction was in the way: the same again will do.
AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)
# The table has changed since it was looked at.
CHANGED = (errors.UndefinedColumn, errors.UndefinedTable)
ATTEMPTS = 4
# What a statement of many rows may take: another one's chunk may not be committed yet.
LONGER = db.Patience(60.0)
# And what it may unpack of the columnstore, to find the rows that it replaces.
UNPACK = """
select set_config(name, '0', true) from pg_settings
 where name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
"""


@dataclass(frozen=True)
class Report:
    """What was done: rows that are in the table now, sensors that are new, and what was refused."""

    written: int
    made: int
    refused: Refused


def target_of(name: str) -> Target:
    """Return the hypertable of a name; raises UnknownTableError."""
    known = kept(name)
    if known is not None:
        return known
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
    if batches:
        work = _Work(target, batches, names.series, refused, may_make)
        report = work.run()
    if report.written:
        follow.ask(target.name)
    return report


@dataclass(frozen=True)
class _Work:
    """What was read, to be written."""

    target: Target
    batches: Sequence[Batch]
    series: Sequence[Series]
    refused: Refused
    may_make: bool

    def run(self) -> Report:
        """Write it: at once where one statement will do, and PostgreSQL refuses no row of it."""
        if len(self.batches) == 1 and len(self.batches[0]) <= MOST_ROWS:
            with suppress(RefusedError):
                return self._persist(at_once=True)
        return self._persist(at_once=False)

    def _persist(self, *, at_once: bool) -> Report:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with db.session() as session:
                    return self._write(session.connection(), at_once=at_once)
            except StaleSensorsError:
                if attempt == ATTEMPTS:
                    raise
            except DBAPIError as error:
                if isinstance(error.orig, CHANGED):
                    forget()
                if attempt == ATTEMPTS or not isinstance(error.orig, AGAIN):
                    raise
        raise AssertionError("the last attempt raises")

    def _write(self, connection: Connection, *, at_once: bool) -> Report:
        if sum(map(len, self.batches)) <= MANY:
            return self._written(connection, at_once=at_once)
        with db.patient(connection, LONGER):
            connection.exec_driver_sql(UNPACK)
            return self._written(connection, at_once=at_once)

    def _written(self, connection: Connection, *, at_once: bool) -> Report:
        # Another attempt begins with what the lines were refused for when they were read.
        refused = self.refused.copy()
        used = [each.columns[SERIES].to_numpy() for each in self.batches if SERIES in each.columns]
        found = sensors.Found.none()
        if used:
            places = np.unique(np.concatenate(used))
            found = sensors.find(connection, self.series, places, may_make=self.may_make)
        written = 0
        for batch in self.batches:
            named = SERIES in batch.columns
            rows = _named(batch, found, refused) if named else batch
            if at_once:
                written += insert_at_once(connection, self.target, rows)
            else:
                written += insert(connection, self.target, rows, refused, sure=named)
        return Report(written, found.made, refused)


def _named(batch: Batch, found: sensors.Found, refused: Refused) -> Batch:
    """Return readings with the ids of their sensors, without those that have none."""
    places = batch.columns[SERIES].to_numpy()
    for at in np.flatnonzero(found.ids[places] == 0):
        refused.add(int(batch.lines[at]), found.faults[int(places[at])])
    gone = refused.mask(batch.lines)
    return with_ids(batch.where(~gone) if gone.any() else batch, SERIES, found.ids, SENSOR)
