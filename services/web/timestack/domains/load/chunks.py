"""Chunks made before the rows arrive.

A transaction that makes a chunk holds a lock on the hypertable until its end, which would make
the other lanes wait for it forever. So each chunk is made, and committed empty, by a row of the
load that is inserted and deleted in one transaction: the one way that both editions have. They
are made in batches, so that the time grows only with their number, small enough for the server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import psycopg2
import psycopg2.errors
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from timestack.domains.load.errors import LoadError
from timestack.domains.load.lanes import Lane
from timestack.domains.load.records import Block, Record
from timestack.domains.load.table import Table
from timestack.domains.load.times import EPOCH
from timestack.series.sql import fill, interval_text

log = logging.getLogger(__name__)

# A chunk's ends may lie beyond 64 bits of microseconds since 1970, or be infinite.
RANGES = """
select greatest(extract(epoch from range_start) * 1000000, -9223372036854775808)::bigint,
       least(extract(epoch from range_end) * 1000000, 9223372036854775807)::bigint
  from timescaledb_information.chunks
 where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = to_regclass(%(table)s)
   and (%(low)s is null
        or range_end > 'epoch'::timestamptz + %(low)s * interval '1 microsecond'
       and range_start <= 'epoch'::timestamptz + %(high)s * interval '1 microsecond')
"""
# The times are literals: with an expression, the plan holds, and locks, every chunk there is, as a
# delete from the hypertable does in any case. They leave room for the way that PostgreSQL rounds to
# the microsecond.
FIND = """
select tableoid::regclass::text
  from {sql_table}
 where {time} between %s and %s
   and xmin = pg_current_xact_id()::xid
"""
DELETE = "delete from {sql_chunk} where xmin = pg_current_xact_id()::xid"
# Nothing changed: without this a refresh would compute the buckets of every chunk made here.
# Only who owns the record may: others leave a refresh to find those buckets empty.
RECORDED = """
select coalesce(has_table_privilege(to_regclass('timestack.changes')::oid, 'delete'), false)
"""
FORGET = "delete from timestack.changes where xmin = pg_current_xact_id()::xid"
CHUNKS = """
select format('%%I.%%I', chunk_schema, chunk_name)
  from timescaledb_information.chunks
 where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = to_regclass(%s)
   and extract(epoch from range_start) * 1000000 = any(%s)
"""
LOCK = "lock table {sql_chunk} in access exclusive mode"
EMPTY = "select not exists (select from {sql_chunk})"
DROP = "drop table {sql_chunk}"
CAPACITY = """
select current_setting('max_locks_per_transaction')::bigint
       * (current_setting('max_connections')::bigint
          + current_setting('max_prepared_transactions')::bigint),
       (select count(*) from pg_index where indrelid = to_regclass(%s)),
       pg_size_bytes(current_setting('shared_buffers'))
"""
# From so many chunks on a load warns.
MANY = 1000
# The share of the server's locks that a load may take: others work at the same time.
SHARE = 0.75
# Bytes that a connection keeps of each chunk it writes to; 29,000 measured, with five columns and
# one index. A load's connections may take together what the server takes for its buffers.
MEMORY = 40_000
# Chunks made in one transaction.
BATCH = 100
# Seconds to wait for another's lock on a chunk.
PATIENCE = 10


class Chunks:
    """Knows a hypertable's chunks and makes the ones that blocks will need."""

    def __init__(
        self, connection: Connection, table: Table, lane: Callable[[Connection, str], Lane]
    ):
        self._connection = connection
        self._table = table
        self._lane = lane
        self._made: list[int] = []
        self._ends: dict[int, int] = {}
        self._read()

    def foresee(self, block: Block, times: np.ndarray) -> None:
        """Make the missing chunks for a block's rows, whose times are given in microseconds.

        A row that the table refuses makes none; its own lane will report why.
        """
        records: Sequence[Record] = ()
        while len(missing := np.flatnonzero(~self._covered(times))):
            records = records or block.records()
            _, first = np.unique(times[missing] // self._table.interval, return_index=True)
            rows = missing[first]
            made = 0
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                made += self._make([records[row] for row in part], times[part])
            if not made:
                return

    def undo(self) -> None:
        """Drop the chunks made here that are still empty, after a load that failed.

        One that cannot be dropped, because it is in use or gone, does not keep the others.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(CHUNKS, (self._table.name, self._made))
            for (chunk,) in cursor.fetchall():
                try:
                    self._drop(cursor, chunk)
                except psycopg2.errors.InsufficientPrivilege:
                    # They are another's, as all chunks of a table that is.
                    cursor.execute("rollback")
                    return
                except psycopg2.Error as error:
                    cursor.execute("rollback")
                    log.warning("the empty chunk %s stays: %s", chunk, error)

    def _drop(self, cursor: Cursor, chunk: str) -> None:
        cursor.execute("begin")
        cursor.execute(f"set local lock_timeout = '{PATIENCE}s'")
        cursor.execute(fill(LOCK, sql_chunk=chunk))
        cursor.execute(fill(EMPTY, sql_chunk=chunk))
        if cursor.fetchone()[0]:
            cursor.execute(fill(DROP, sql_chunk=chunk))
        cursor.execute("commit")

    def _covered(self, times: np.ndarray) -> np.ndarray:
        if not self._ends:
            return np.zeros(len(times), bool)
        chunk = np.searchsorted(self._starts, times, side="right") - 1
        return (chunk >= 0) & (times < self._stops[chunk])

    def _make(self, records: Sequence[Record], times: np.ndarray) -> int:
        """Make the chunks of these rows; returns how many are new."""
        try:
            self._touch(records, times)
        except psycopg2.Error as error:
            log.debug("no chunks for %d rows at once: %s", len(records), error)
            if len(records) > 1:
                halves = np.array_split(np.arange(len(records)), 2)
                return sum(self._make([records[n] for n in half], times[half]) for half in halves)
        made = self._read(int(times.min()), int(times.max()))
        self._made += made
        return len(made)

    def _touch(self, records: Sequence[Record], times: np.ndarray) -> None:
        lane = self._lane(self._connection, self._table.name)
        try:
            lane.copy(Block.of(records))
            find = fill(FIND, sql_table=self._table.name, time=self._table.time)
            chunks: set[str] = set()
            for time in times.tolist():
                bounds = [EPOCH + timedelta(microseconds=time + more) for more in (-1, 1)]
                lane.cursor.execute(find, bounds)
                chunks.update(chunk for (chunk,) in lane.cursor.fetchall())
            deleted = 0
            for chunk in chunks:
                lane.cursor.execute(fill(DELETE, sql_chunk=chunk))
                deleted += lane.cursor.rowcount
            lane.cursor.execute(RECORDED)
            if lane.cursor.fetchone()[0]:
                lane.cursor.execute(FORGET)
            lane.cursor.execute("commit" if deleted == len(records) else "rollback")
        except psycopg2.Error:
            lane.cursor.execute("rollback")
            raise

    def _read(self, low: int | None = None, high: int | None = None) -> list[int]:
        """Learn the chunks from ``low`` to ``high``; returns the starts of the new ones."""
        with self._connection.cursor() as cursor:
            cursor.execute(RANGES, {"table": self._table.name, "low": low, "high": high})
            found = dict(cursor.fetchall())
        new = sorted(found.keys() - self._ends.keys())
        self._ends |= found
        self._starts = np.array(sorted(self._ends), np.int64)
        self._stops = np.array([self._ends[start] for start in self._starts.tolist()], np.int64)
        return new


class Forecast:
    """Counts the chunks that a load's rows lie in: warns of many, refuses too many.

    Every lane that writes to one keeps it, and its indexes, locked and in memory until the commit.
    """

    def __init__(
        self,
        connection: Connection,
        table: Table,
        lanes: int,
        part: Callable[[], float | None],
        warn: Callable[[str], None],
    ):
        """``part`` returns how much of the file was read, from 0 to 1, or None if unknown."""
        self._interval = table.interval
        self._name = table.name
        self._part = part
        self._warn = warn
        self._seen: set[int] = set()
        self._has_warned = False
        with connection.cursor() as cursor:
            cursor.execute(CAPACITY, (table.name,))
            locks, indexes, memory = cursor.fetchone()
        by_locks = int(locks * SHARE) // (1 + indexes)
        self._most = min(by_locks, memory // MEMORY) // lanes

    def count(self, times: np.ndarray) -> None:
        """Count the chunks of a block's rows, before any of it is written.

        Raises LoadError where there are too many.
        """
        if not len(times):
            return
        first = not self._seen
        self._seen.update(np.unique(times // self._interval).tolist())
        about = self._estimate(times) if first else 0
        length = timedelta(microseconds=self._interval)
        if len(self._seen) > self._most:
            raise LoadError(
                f"the rows lie in more than {self._most:,} chunks of {interval_text(length)}, and"
                " the server has room for no more in one load: set a longer chunk_interval in"
                " hypertables.yaml, or load the file in parts"
            )
        if not self._has_warned and max(len(self._seen), about) > MANY:
            self._has_warned = True
            number = (
                f"about {about:,}" if about > len(self._seen) else f"{len(self._seen):,} or more"
            )
            self._warn(
                f"the rows lie in {number} chunks of {interval_text(length)}, and so many take long"
                f" to make and to read: {self._name} may need a longer chunk_interval in"
                " hypertables.yaml"
            )

    def _estimate(self, times: np.ndarray) -> int:
        """Return how many chunks a file needs, if it goes on as it begins, in the order of time."""
        part = self._part()
        if not part or (np.diff(times) < 0).any():
            return 0
        return int((times[-1] - times[0]) / self._interval / part)
