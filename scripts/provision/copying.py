"""`copy`: every row of one database into another that was made from the same files.

Hypertables are read chunk by chunk, the largest part first, several at once. The rows go as they
are in PostgreSQL's binary form, from COPY to COPY, without a look at them. Triggers and foreign
keys rest meanwhile (session_replication_role), so that the order of tables does not matter and
nothing is recorded as changed; for that the server must let the owner set it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg2.extensions import connection as Driver
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from scripts.provision.console import say
from timestack.db import autocommit, driver_connections
from timestack.series import rollups
from timestack.series.catalog import Catalog
from timestack.series.edition import edition
from timestack.series.sql import fill

# As `OBJECTS` has it, of what rows are copied into: rollups of the Apache-2 edition among them.
TABLES = """
select c.oid, format('%I.%I', n.nspname, c.relname) as name,
       (select array_agg(a.attname order by a.attnum) from pg_attribute as a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and a.attgenerated = '') as columns
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|information_schema$|_?timescaledb_|_osm_)'
   and c.relkind in ('r', 'p') and not c.relispartition
"""
CHUNKS = """
select format('%I.%I', hypertable_schema, hypertable_name) as name,
       format('%I.%I', chunk_schema, chunk_name) as chunk,
       pg_total_relation_size(format('%I.%I', chunk_schema, chunk_name)) as size
  from timescaledb_information.chunks
"""
SIZE = "select coalesce(pg_total_relation_size(to_regclass(:name)), 0)"
SEQUENCES = """
select format('%I.%I', schemaname, sequencename) as name from pg_sequences
 where schemaname !~ '^(pg_|information_schema$|_?timescaledb_|_osm_)'
"""
# With those that record changes, COPY writes row by row; the files declare them.
TRIGGERS = """
select format('drop trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger
 where not tgisinternal and tgname ~ '^timestack_' and tgparentid = 0
   and (select nspname !~ '^_?timescaledb_' from pg_class as c
          join pg_namespace as n on n.oid = c.relnamespace where c.oid = tgrelid)
"""
READ = "copy (select {columns} from {sql_source}) to stdout (format binary)"
WRITE = "copy {sql_table} ({columns}) from stdin (format binary)"
POSITION = "select last_value, is_called from {sql_name}"
DATASETS, CHANGES = "public.datasets", "timestack.changes"
CLEAR = "delete from public.datasets"
READY = "ready for the rows"
# No transaction can begin to write, and those that had begun are over (scripts/host/readonly.py).
NOBODY_WRITES = """
select current_setting('default_transaction_read_only') = 'on'
   and pg_try_advisory_xact_lock_shared(hashtext('timestack.readonly'))
"""
EVERYTHING_CHANGED = """
insert into timestack.changes (table_name, ranges) values (:name, '{(,)}')
"""
REST = (
    "set session_replication_role = replica; set synchronous_commit = off;"
    " set statement_timeout = 0"
)


@dataclass(frozen=True)
class Part:
    """Rows to copy: of ``table`` those in ``source``, a chunk or the table itself."""

    table: str
    source: str
    columns: tuple[str, ...]
    size: int


def run(
    source: Engine, target: Engine, declared: Catalog, lanes: int, *, wait: bool = False
) -> None:
    """Copy everything, and say how many rows that were. Raises what either server answers.

    The target has what the files declare, and at the end the datasets too; whatever rows it has go
    first. Raises Unfinished where something else is left. With ``wait`` everything is made ready
    for the rows, READY is said, and they are copied from when nobody can write the source.
    """
    with autocommit(source) as here, autocommit(target) as there:
        _empty(there)
        with driver_connections(source, 1) as (reading,), driver_connections(target, 1) as (into,):
            _prepare(into)
            for part in _parts(here, there, {DATASETS}):
                _copy(part, reading, into)
        # Tables of datasets are declared by those rows.
        applying.apply(declared, target)
        there.execute(text(f"truncate {CHANGES}"))
        for statement in there.scalars(text(TRIGGERS)).all():
            there.execute(text(statement))
        if wait:
            say(READY)
            _wait(here, there)
        # Their rows may have changed since.
        there.execute(text(CLEAR))
        parts = sorted(_parts(here, there, None), key=lambda part: -part.size)
        rows = _all(source, target, parts, lanes)
        for name in there.scalars(text(SEQUENCES)).all():
            _advance(here, there, name)
        applying.apply(declared, target)
        _rollups(here, there, target, declared)
        say("statistics for the planner")
        there.execute(text("analyze"))
    tables = len({part.table for part in parts})
    say(f"{rows:,} rows of {tables} tables in {len(parts)} parts")


def _wait(source: Connection, target: Connection) -> None:
    """Wait until nobody can write the source; ends with the target, which a killed move leaves."""
    while not source.scalar(text(NOBODY_WRITES)):
        target.execute(text("select 1"))
        time.sleep(0.1)


def _empty(target: Connection) -> None:
    names = [row.name for row in target.execute(text(TABLES))]
    target.execute(text(f"truncate {', '.join(names)}"))


def _parts(source: Connection, target: Connection, only: set[str] | None) -> Iterator[Part]:
    """What is to be copied, of all tables or ``only`` some."""
    chunks: dict[str, list] = {}
    for row in source.execute(text(CHUNKS)):
        chunks.setdefault(row.name, []).append(row)
    for row in target.execute(text(TABLES)).all():
        if only is None or row.name in only:
            columns = tuple(row.columns)
            for chunk in chunks.get(row.name, ()):
                yield Part(row.name, chunk.chunk, columns, chunk.size or 0)
            if row.name not in chunks:
                size = source.scalar(text(SIZE), {"name": row.name})
                yield Part(row.name, row.name, columns, size)


def _all(source: Engine, target: Engine, parts: list[Part], lanes: int) -> int:
    """Copy the parts in so many lanes, each a thread with a connection to either side."""
    waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
    for part in parts:
        waiting.put(part)
    rows, failed = [0], []
    counting = threading.Lock()
    whole = sum(part.size for part in parts) or 1
    done = [0]

    def lane(reading: Driver, into: Driver) -> None:
        while not failed:
            try:
                part = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                copied = _copy(part, reading, into)
            except Exception as error:  # noqa: BLE001
                failed.append(error)
                return
            with counting:
                rows[0] += copied
                done[0] += part.size
                say(f"{done[0] / whole:4.0%}  {part.table}, {rows[0]:,} rows")

    with (
        driver_connections(source, lanes) as reading,
        driver_connections(target, lanes) as writing,
    ):
        threads = [
            threading.Thread(target=lane, args=each) for each in zip(reading, writing, strict=True)
        ]
        for into in writing:
            _prepare(into)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return rows[0]


def _prepare(into: Driver) -> None:
    with into.cursor() as cursor:
        cursor.execute(REST)


def _copy(part: Part, reading: Driver, into: Driver) -> int:
    """Copy one part from COPY to COPY; returns its rows."""
    names = {"columns": part.columns, "sql_source": part.source, "sql_table": part.table}
    read, write = fill(READ, **names), fill(WRITE, **names)
    out, back = os.pipe()
    failed: list[BaseException] = []

    def send() -> None:
        try:
            with os.fdopen(back, "wb") as pipe, reading.cursor() as cursor:
                cursor.copy_expert(read, pipe)
        except BrokenPipeError:
            # The writing side has failed, and says why.
            pass
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with os.fdopen(out, "rb") as pipe, into.cursor() as cursor:
            cursor.copy_expert(write, pipe)
            written = cursor.rowcount
    finally:
        sender.join()
        # What the writing side says of a stream that ends early is not the cause.
        if failed:
            raise failed[0]
    return written


def _advance(source: Connection, target: Connection, name: str) -> None:
    """Have a sequence go on where it is in the source."""
    if source.scalar(text("select to_regclass(:name)"), {"name": name}) is None:
        return
    last, called = source.execute(text(fill(POSITION, sql_name=name))).one()
    target.execute(text("select setval(:name, :last, :called)"),
                   {"name": name, "last": last, "called": called})  # fmt: skip


def _rollups(source: Connection, target: Connection, engine: Engine, declared: Catalog) -> None:
    """Rollups were copied where they are tables; what another edition knew of them was not."""
    kind = edition(target)
    if kind == "timescale":
        say("rollups are computed")
        with Session(engine) as session:
            rollups.refresh_all(session, declared=declared, full=True)
    elif edition(source) != kind:
        for name, table in declared.hypertables.items():
            if table.rollups:
                target.execute(text(EVERYTHING_CHANGED), {"name": name})
