"""Connections that COPY in parallel, each in its own transaction."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Sequence

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from timestack.domains.load.errors import BadRow
from timestack.domains.load.records import Block, Record
from timestack.domains.load.refusals import REFUSALS, blame, line_of
from timestack.series.sql import fill, literal

# The size of psycopg2's pieces of COPY data.
PIECE = 1 << 18
# Seconds between two checks for lanes that wait for each other.
PATIENCE = 2.0

# A lane that waits for another lane's transaction wants to write a key that the other one has
# written: it would wait forever, because neither commits before all rows are in. Other locks
# between lanes, such as the one for adding a page, are over in a moment.
ENTANGLED = """
select pid from pg_stat_activity
 where pid = any(%(pids)s) and wait_event = 'transactionid' and pg_blocking_pids(pid) && %(pids)s
 limit 1
"""

# A source may be slow: a lane that waits for the next block is not idle. What a merge must unpack
# of the columnstore to find its rows is not a mistake, however much it is.
BEGUN = """
select set_config('timezone', %(zone)s, true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       (select set_config(name, '0', true) from pg_settings
         where name = 'timescaledb.max_tuples_decompressed_per_dml_transaction')
"""
COPY = "copy {sql_table} ({columns}) from stdin (format csv, delimiter {sql_delimiter})"


class Lane:
    """One connection that COPYs blocks into one table."""

    def __init__(
        self,
        connection: Connection,
        table: str,
        columns: Sequence[str],
        delimiter: str,
        zone: str,
    ):
        """Begin the transaction; ``zone`` is the one that times without an offset are in."""
        self.connection = connection
        self.cursor = connection.cursor()
        self._copy = fill(COPY, sql_table=table, columns=columns, sql_delimiter=literal(delimiter))
        self._zone = zone
        self._begin()

    def _begin(self) -> None:
        self.cursor.execute("begin")
        self.cursor.execute(BEGUN, {"zone": self._zone})

    def again(self) -> None:
        """Undo everything and begin again."""
        self.cursor.execute("rollback")
        self._begin()

    def copy(self, block: Block) -> int:
        """COPY one block; returns how many rows it was."""
        # A staging table records where in the file its rows were.
        self.cursor.execute("select set_config('timestack.block', %s, true)", (str(block.offset),))
        data = block.data if block.sent is None else block.sent
        self.cursor.copy_expert(self._copy, io.BytesIO(data), size=PIECE)
        return self.cursor.rowcount

    def place(self, records: Sequence[Record], most: int | None = None) -> list[BadRow]:
        """COPY the records that the table accepts; returns the others with PostgreSQL's reasons.

        COPY names the line at which it stopped, so the rows before it are good. Ends early with the
        first ``most`` that are refused.
        """
        refused: list[BadRow] = []
        waiting = [list(records)]
        while waiting and (most is None or len(refused) < most):
            part = waiting.pop()
            error = self.attempt(Block.of(part))
            if error is None:
                continue
            at = line_of(error, part)
            if at:
                refused.append(blame(part[at - 1], error))
                waiting += [part[at:], part[: at - 1]]
            elif len(part) > 1:
                # A foreign key, say, is checked after the last row.
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                refused.append(blame(part[0], error))
        return sorted(refused, key=lambda row: row.line)

    def attempt(self, block: Block) -> psycopg2.Error | None:
        """COPY a block or leave everything as it was; returns what was wrong with it."""
        if not block.rows:
            return None
        self.cursor.execute("savepoint attempt")
        try:
            if self.copy(block) != block.rows:
                raise errors.BadCopyFileFormat("the data ends within the block")
        except errors.ReadOnlySqlTransaction:
            # No row's fault: nobody writes while the database is moved.
            raise
        except REFUSALS as error:
            self.cursor.execute("rollback to savepoint attempt")
            return error
        self.cursor.execute("release savepoint attempt")
        return None


class Failure:
    """A block that a lane could not write, and why; None for one it did not try any more."""

    def __init__(self, block: Block, error: psycopg2.Error | None):
        self.block = block
        self.error = error


class Fleet:
    """Lanes in threads. ``write`` hands a block to a free one."""

    def __init__(self, lanes: Sequence[Lane], watch: Connection):
        self.lanes = lanes
        self.failures: list[Failure] = []
        self.rows = 0
        self._watch = watch
        self._blocks: queue.Queue[Block | None] = queue.Queue(len(lanes))
        self._lock = threading.Lock()
        self._ends = 0
        self._over = [threading.Event() for _ in lanes]
        for lane, over in zip(lanes, self._over, strict=True):
            threading.Thread(target=self._work, args=(lane, over), daemon=True).start()

    def write(self, block: Block) -> None:
        """Queue a block; check ``failures`` afterwards."""
        self._until(lambda: self._blocks.put(block, timeout=PATIENCE))

    def finish(self) -> None:
        """Wait until every block is written or in ``failures``.

        Also when it is interrupted: the lanes' connections are closed next, and one that is closed
        while a thread works on it crashes the whole process.
        """
        interruption = None
        while not all(over.is_set() for over in self._over):
            try:
                self._join()
            except (KeyboardInterrupt, psycopg2.Error) as error:
                interruption = error
        if interruption:
            raise interruption

    def _join(self) -> None:
        while self._ends < len(self._over):
            self._until(lambda: self._blocks.put(None, timeout=PATIENCE))
            self._ends += 1
        # Not by Thread.join: when interrupted, it takes the thread for ended (3.11).
        for over in self._over:
            while not over.wait(PATIENCE):
                self._disentangle()

    def _until(self, step: Callable[[], None]) -> None:
        while True:
            try:
                return step()
            except queue.Full:
                self._disentangle()

    def _disentangle(self) -> None:
        pids = [lane.connection.get_backend_pid() for lane in self.lanes]
        with self._watch.cursor() as cursor:
            cursor.execute(ENTANGLED, {"pids": pids})
            for (pid,) in cursor.fetchall():
                cursor.execute("select pg_cancel_backend(%s)", (pid,))

    def _work(self, lane: Lane, over: threading.Event) -> None:
        try:
            self._write_all(lane)
        finally:
            over.set()

    def _write_all(self, lane: Lane) -> None:
        while (block := self._blocks.get()) is not None:
            error = None
            if not self.failures:
                try:
                    rows = lane.copy(block)
                except psycopg2.Error as caught:
                    error = caught
                else:
                    with self._lock:
                        self.rows += rows
                    # COPY took a line of the two characters \. for the end of the data.
                    if rows == block.rows:
                        continue
            with self._lock:
                self.failures.append(Failure(block, error))
