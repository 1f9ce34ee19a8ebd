"""One load, from the first byte to the commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, TextIO
from uuid import uuid4
from zoneinfo import ZoneInfo

from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from sqlalchemy import Engine

from timestack.db import driver_connections
from timestack.domains.load import commit
from timestack.domains.load.chunks import Chunks, Forecast
from timestack.domains.load.columnar import Columnar
from timestack.domains.load.diagnose import Diagnosis
from timestack.domains.load.dialect import sniff
from timestack.domains.load.errors import BadRow, BadRowsError, LoadError
from timestack.domains.load.feeder import MOST_BAD_ROWS, Feeder
from timestack.domains.load.lanes import Fleet, Lane
from timestack.domains.load.layout import Layout, choose_columns, place_columns
from timestack.domains.load.records import Block, Reader, Record, cells
from timestack.domains.load.refusals import fault_of
from timestack.domains.load.source import Source, open_source
from timestack.domains.load.staging import Staging, StagingLane
from timestack.domains.load.table import Table, advance_sequences, read_table
from timestack.domains.load.text import SEPARATOR
from timestack.domains.load.times import EARLIEST, FAR, Order, Rules, Unit
from timestack.series.sql import quote

# Besides the lanes: one that controls, one that watches and makes chunks.
CONNECTIONS = 2

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None, int], None]


@dataclass(frozen=True)
class Options:
    """What is to be loaded and how. ``file`` is a path or "-" for standard input.

    ``shown`` is what messages call the file, ``size`` the bytes of standard input if known.
    ``renamed`` maps a column's name in the file to the table's; ``ignored`` are names or numbers
    of columns that fill none. Without a header, the file holds the table's columns in its order.
    ``fields`` says instead, for each of the file's columns, which one of the table it fills, None
    for none; then its names do not matter, and the delimiter must be given.
    ``delimiter`` separates cells; without it, the first line shows which does.
    ``escape`` precedes quotes within quoted cells, where they are not doubled, and ``decimal``
    before the fraction of a number. ``zone`` is the one that times without an offset are in,
    ``epoch`` the unit of times that are numbers, ``order`` that of dates whose year is last. Rows
    that are refused go to ``quarantine`` instead of ending the load. ``import_id`` makes the load
    one that is never done twice.
    """

    table: str
    file: str
    shown: str | None = None
    size: int | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    fields: tuple[str | None, ...] | None = None
    has_header: bool = True
    delimiter: str | None = None
    escape: str | None = None
    decimal: Literal[".", ","] = "."
    epoch: Unit | None = None
    order: Order | None = None
    zone: ZoneInfo | None = None
    on_conflict: Literal["error", "skip", "update"] = "error"
    quarantine: TextIO | None = None
    import_id: str | None = None
    lanes: int = 2
    earliest: datetime = EARLIEST
    latest: datetime | None = None


@dataclass(frozen=True)
class Report:
    """What a load did: ``read`` = ``written`` + ``skipped`` + ``rejected``.

    ``rounded`` is how many times were finer than the microsecond that they are kept to, ``omitted``
    the numbers of columns without a name that were left out. ``already`` says that its import id
    was loaded before, so nothing was read. ``settled`` are the leftovers of killed loads that this
    one cleared away.
    """

    import_id: str
    source: str
    read: int = 0
    written: int = 0
    skipped: int = 0
    rejected: int = 0
    rounded: int = 0
    omitted: tuple[int, ...] = ()
    already: bool = False
    settled: tuple[commit.Leftover, ...] = ()


def load(
    engine: Engine,
    options: Options,
    stdin: BinaryIO,
    progress: Progress = lambda position, size, rows: None,
    warn: Callable[[str], None] = log.warning,
    committing: Callable[[], AbstractContextManager] = nullcontext,
) -> Report:
    """Load a file into a table, all of it or nothing.

    ``progress`` is called with the bytes read, the size of the file (None if unknown) and the
    rows read so far, ``warn`` with what the user should know before the end. The commit
    runs within ``committing()``: once that is entered, nothing must end the load. The engine's role
    must own the table where rows are skipped or updated, else it may write to it; its pool must
    have room for ``CONNECTIONS`` and a lane's each.

    Raises BadRowsError for rows that are refused, LoadError for everything else that the caller
    can repair, psycopg2.Error when the database fails.
    """
    import_id = options.import_id or str(uuid4())
    key = commit.key_of(import_id)
    with driver_connections(engine, 2) as (control, other):
        settled = tuple(commit.recover(control))
        commit.lock(control, key)
        table = read_table(control, options.table)
        if _is_loaded(control, import_id):
            return Report(import_id, options.shown or options.file, already=True, settled=settled)
        source = open_source(options.file, stdin, options.shown, options.size)
        options = replace(options, **source.given)
        reader = Reader(source.stream, options.escape)
        layout = _layout(reader, source, table, options)
        lanes = _lanes(control, table, options)
        feeder = Feeder(
            Columnar(layout),
            Diagnosis(control, layout),
            layout.delimiter,
            _forecast(control, table, source, lanes, warn),
            lambda rows: progress(source.position(), source.size, rows),
        )
        written = _Load(
            options,
            import_id,
            table,
            layout,
            Path(source.name).name,
            feeder,
            reader.blocks(),
            lanes,
            engine,
            control,
            other,
            committing,
        ).run()
    return Report(
        import_id,
        source.name,
        read=feeder.read,
        written=written,
        skipped=feeder.read - feeder.rejected - written,
        rejected=feeder.rejected,
        rounded=feeder.rounded,
        omitted=layout.unnamed,
        settled=settled,
    )


def _layout(reader: Reader, source: Source, table: Table, options: Options) -> Layout:
    """Read what precedes the rows, and return the layout that it and the options give."""
    first = reader.peek()
    if first is None:
        raise LoadError(f"{source.name} is empty")
    delimiter = options.delimiter
    if delimiter is None and (separator := SEPARATOR.match(first.data)):
        delimiter = separator[1].decode(errors="replace")
        reader.skip(first)
        first = reader.peek() or Record(first.line + 1, 0, b"")
    latest = options.latest or datetime.now(UTC) + FAR
    rules = Rules(options.zone, options.earliest, latest, options.epoch, options.order)
    if options.fields is not None:
        if options.has_header:
            reader.skip(first)
        fields = place_columns(table, first, delimiter, options.fields)
        return Layout(fields, delimiter, rules, table.time, options.decimal)
    dialect = sniff(
        first,
        table,
        {*options.renamed, *(name for name in options.ignored if not name.isdecimal())},
        has_header=options.has_header,
        delimiter=delimiter,
    )
    if dialect.has_header:
        reader.skip(first)
    row = reader.peek()
    fields = choose_columns(
        table,
        dialect.header,
        options.renamed,
        options.ignored,
        row and cells(row.data.decode(errors="replace"), dialect.delimiter),
    )
    return Layout(fields, dialect.delimiter, rules, table.time, options.decimal)


def _is_loaded(connection: Connection, import_id: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from imports where id = %s)", (import_id,))
        return cursor.fetchone()[0]


def _lanes(connection: Connection, table: Table, options: Options) -> int:
    """Return how many lanes can write to the table side by side and still commit as one."""
    alone = (
        options.quarantine
        or table.has_triggers
        or not table.foreseeable
        # Two lanes would meet where each unpacks one batch of the columnstore to look for keys,
        # and neither commits before the other is done.
        or table.in_columns
        or not commit.can_prepare(connection)
    )
    return 1 if alone else options.lanes


def _forecast(
    connection: Connection, table: Table, source: Source, lanes: int, warn: Callable[[str], None]
) -> Forecast | None:
    """Return what counts the chunks that the load needs, where they can be foreseen."""
    if not table.foreseeable:
        return None

    def part() -> float | None:
        return source.position() / source.size if source.size else None

    return Forecast(connection, table, lanes, part, warn)


@dataclass(frozen=True)
class _Load:
    """One load after its file and table are known, and what it works with.

    ``source`` is the file's name, ``lanes`` how many may write to the table at once. ``control`` is
    the connection for all that is not rows, ``other`` the one that watches and makes chunks.
    """

    options: Options
    import_id: str
    table: Table
    layout: Layout
    source: str
    feeder: Feeder
    blocks: Iterator[Block]
    lanes: int
    engine: Engine
    control: Connection
    other: Connection
    committing: Callable[[], AbstractContextManager]

    def run(self) -> int:
        """Write every row that is not refused, and commit. Returns how many rows were written."""
        return self._copy() if self.options.on_conflict == "error" else self._copy_and_merge()

    def _copy(self) -> int:
        """COPY into the table itself; a conflict is a bad row."""
        with (
            self._chunks(self.lanes) as chunks,
            driver_connections(self.engine, self.lanes) as opened,
        ):
            lanes = [self._lane(each, self.table.name) for each in opened]
            self._feed(lanes, chunks)
            written = self.feeder.read - self.feeder.rejected
            self._commit(lanes, written)
        return written

    def _copy_and_merge(self) -> int:
        """COPY into a staging table and merge; a conflict is skipped or updates the row."""
        key = commit.key_of(self.import_id)
        staging = Staging(self.control, self.table, self.layout.columns, key)
        # Another unique key than the one of the conflict could make two merges meet.
        count = self.lanes if len(self.table.keys) == 1 else 1
        try:
            with self._chunks(count) as chunks:
                self._stage(staging, chunks)
                with driver_connections(self.engine, count) as opened:
                    lanes = [self._lane(each, self.table.name) for each in opened]
                    written = self._merge(staging, lanes)
                    self._commit(lanes, written)
        finally:
            staging.drop()
        return written

    def _stage(self, staging: Staging, chunks: Chunks | None) -> None:
        count, kind = self.options.lanes, Lane
        if self.options.quarantine:
            staging.index()
            count, kind = 1, partial(StagingLane, staging)
        with driver_connections(self.engine, count) as opened:
            lanes = [self._lane(each, quote(staging.name), kind) for each in opened]
            self._feed(lanes, chunks)
            for lane in lanes:
                lane.cursor.execute("commit")

    def _merge(self, staging: Staging, lanes: Sequence[Lane]) -> int:
        accepted = self.feeder.read - self.feeder.rejected
        cuts = self.feeder.cuts(len(lanes))
        try:
            return staging.merge(lanes, cuts, self.options.on_conflict, accepted)
        except errors.IntegrityError as error:
            # A foreign key: all else was checked when the rows were staged.
            orphans = staging.orphans(MOST_BAD_ROWS)
            # Where they are set aside, one whose row went away since.
            if not orphans or self.options.quarantine:
                raise LoadError(str(fault_of(error))) from None
            bad = [
                BadRow(self.feeder.line(orphan.block, orphan.place), b"", (orphan.fault,))
                for orphan in orphans
            ]
            raise BadRowsError(bad, len(bad) < MOST_BAD_ROWS) from None

    @contextmanager
    def _chunks(self, count: int) -> Iterator[Chunks | None]:
        """Give what makes chunks for several lanes; when the load fails, they go again."""
        chunks = Chunks(self.other, self.table, self._lane) if count > 1 else None
        try:
            yield chunks
        except BaseException:
            if chunks:
                chunks.undo()
            raise

    def _lane(self, connection: Connection, table: str, kind: Callable[..., Lane] = Lane) -> Lane:
        zone = self.options.zone.key if self.options.zone else "UTC"
        names = [column.name for column in self.layout.columns]
        return kind(connection, table, names, self.layout.delimiter, zone)

    def _feed(self, lanes: Sequence[Lane], chunks: Chunks | None) -> None:
        if self.options.quarantine:
            self.feeder.sort(self.blocks, lanes[0], self.options.quarantine)
        else:
            self.feeder.feed(self.blocks, Fleet(lanes, self.other), chunks)

    def _commit(self, lanes: Sequence[Lane], rows: int) -> None:
        lanes[0].cursor.execute(
            "insert into imports (id, table_name, source, rows) values (%s, %s, %s, %s)",
            (self.import_id, self.options.table, self.source, rows),
        )
        for lane in lanes:
            advance_sequences(lane.cursor, self.table, self.layout.columns)
        with self.committing():
            commit.commit(lanes, commit.key_of(self.import_id))
