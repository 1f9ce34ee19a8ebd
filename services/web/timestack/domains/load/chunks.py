"""Chunks made before the rows arrive.

A transaction that makes a chunk holds a lock on the hypertable until its end, which would make
the other lanes wait for it for ever. So each chunk is made, and committed empty, by a row of the
load that is inserted and deleted in one transaction: the one way that both editions have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from timestack.domains.load.lanes import Lane
from timestack.domains.load.records import Block
from timestack.domains.load.table import Table
from timestack.series.sql import fill

log = logging.getLogger(__name__)

# A chunk may begin and end further out than 64 bits of microseconds since 1970 reach, or nowhere.
RANGES = """
select greatest(extract(epoch from range_start) * 1000000, -9223372036854775808)::bigint,
       least(extract(epoch from range_end) * 1000000, 9223372036854775807)::bigint
  from timescaledb_information.chunks
 where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = to_regclass(%s)
"""
DELETE = """
delete from {sql_table}
 where {time} = 'epoch'::timestamptz + %s * interval '1 microsecond'
   and xmin = pg_current_xact_id()::xid
"""
# Nothing changed: without this a refresh would compute the buckets of every chunk made here.
RECORDED = "select to_regclass('timestack.changes') is not null"
FORGET = "delete from timestack.changes where xmin = pg_current_xact_id()::xid"
CHUNK = """
select format('%%I.%%I', chunk_schema, chunk_name)
  from timescaledb_information.chunks
 where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = to_regclass(%s)
   and extract(epoch from range_start) * 1000000 = %s
"""
LOCK = "lock table {sql_chunk} in access exclusive mode"
EMPTY = "select not exists (select from {sql_chunk})"
# Seconds that another's lock on a chunk is waited for.
PATIENCE = 10
DROP = "drop table {sql_chunk}"


class Chunks:
    """Knows a hypertable's chunks and makes the ones that blocks will need."""

    def __init__(
        self, connection: Connection, table: Table, lane: Callable[[Connection, str], Lane]
    ):
        self._connection = connection
        self._table = table
        self._lane = lane
        self._made: list[int] = []
        self._read()

    def foresee(self, block: Block, times: np.ndarray) -> None:
        """Make the chunks that lack for a block's rows, whose times are given in microseconds.

        A row that the table refuses makes none; its own lane will say why.
        """
        while len(missing := np.flatnonzero(~self._covered(times))):
            row = int(missing[0])
            before = len(self._starts)
            try:
                self._make(Block.of(block.records()[row : row + 1]), int(times[row]))
            except psycopg2.Error as error:
                log.debug("no chunk for row %d of the block: %s", row, error)
                return
            self._read()
            if len(self._starts) == before:
                return

    def undo(self) -> None:
        """Drop the chunks made here that are still empty, after a load that failed.

        One that cannot be dropped, because somebody works on it or it went away, keeps no other.
        """
        with self._connection.cursor() as cursor:
            for start in self._made:
                cursor.execute(CHUNK, (self._table.name, start))
                for (chunk,) in cursor.fetchall():
                    try:
                        self._drop(cursor, chunk)
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
        if not len(self._starts):
            return np.zeros(len(times), bool)
        chunk = np.searchsorted(self._starts, times, side="right") - 1
        return (chunk >= 0) & (times < self._ends[chunk])

    def _make(self, block: Block, time: int) -> None:
        lane = self._lane(self._connection, self._table.name)
        try:
            lane.copy(block)
            lane.cursor.execute(
                fill(DELETE, sql_table=self._table.name, time=self._table.time), (time,)
            )
            lane.cursor.execute(RECORDED)
            if lane.cursor.fetchone()[0]:
                lane.cursor.execute(FORGET)
            lane.cursor.execute("commit")
        except psycopg2.Error:
            lane.cursor.execute("rollback")
            raise

    def _read(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(RANGES, (self._table.name,))
            ranges = sorted(cursor.fetchall())
        starts = np.array([start for start, _ in ranges], np.int64)
        if hasattr(self, "_starts"):
            self._made += np.setdiff1d(starts, self._starts).tolist()
        self._starts = starts
        self._ends = np.array([end for _, end in ranges], np.int64)
