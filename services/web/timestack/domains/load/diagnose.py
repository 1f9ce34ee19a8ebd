"""Every fault of every row of a faulty block.

PostgreSQL itself checks its types, column by column over a temporary table of texts, so that the
result is the one that COPY would give. The rest is checked here.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta

import numpy as np
from psycopg2.extensions import connection as Connection

from timestack.domains.load.errors import BadRow, Fault
from timestack.domains.load.layout import Layout, Omitted
from timestack.domains.load.numbers import NUMBERS, WHOLE, read
from timestack.domains.load.records import Block, Record, cells, is_misquoted, joined
from timestack.domains.load.table import Column
from timestack.domains.load.times import EPOCH, PLAIN
from timestack.series.sql import fill, literal

MICROSECOND = timedelta(microseconds=1)

SELECT = """
select n, {sql_name}, message
  from rows, pg_input_error_info({field}, {sql_type})
 where not pg_input_is_valid({field}, {sql_type})
"""


@dataclass(frozen=True, slots=True)
class Examined:
    """The rows of a block, good and bad, in the file's order.

    ``times`` holds the table's time of each good row in microseconds since 1970 (UTC), ``rounded``
    is how many times of them were finer than a microsecond. Without that column there are none.
    """

    good: list[Record]
    bad: list[BadRow]
    times: np.ndarray
    rounded: int


@dataclass(slots=True)
class Row:
    """The cells of a record as they are sent to PostgreSQL, without omitted ones."""

    sent: list[str | None] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    time: int = 0
    rounded: int = 0


class Diagnosis:
    """Examines blocks for one load; needs a connection of its own, in autocommit."""

    def __init__(self, connection: Connection, layout: Layout):
        self._connection = connection
        self._layout = layout
        self._has_time = any(column.name == layout.time for column in layout.columns)
        self._query = " union all ".join(
            fill(SELECT, sql_name=literal(column.name), field=name, sql_type=literal(column.type))
            for column, name in zip(layout.columns, self._names(), strict=True)
            if column.base != "timestamptz"
        )

    def examine(self, block: Block) -> Examined:
        """Find every fault of every row."""
        records = block.records()
        rows: list[Row] = []
        texts = io.StringIO()
        writer = csv.writer(texts)
        for number, record in enumerate(records):
            found = self._cut(record)
            row = Row(faults=[found]) if isinstance(found, Fault) else self._judge_row(found)
            rows.append(row)
            if not isinstance(found, Fault):
                writer.writerow([number, *("\\N" if cell is None else cell for cell in row.sent)])
        for number, fault in self._ask(texts.getvalue()):
            faults = rows[number].faults
            if fault.column not in {each.column for each in faults}:
                faults.append(fault)
        pairs = list(zip(records, rows, strict=True))
        good = [(record, row) for record, row in pairs if not row.faults]
        return Examined(
            [self._sent(record, row) for record, row in good],
            [BadRow(each.line, each.data, tuple(row.faults)) for each, row in pairs if row.faults],
            np.array([row.time for _, row in good if self._has_time], np.int64),
            sum(row.rounded for _, row in good),
        )

    def _cut(self, record: Record) -> list[str | None] | Fault:
        if not record.closed:
            return Fault(None, f"a quote is opened and never closed{_escape_hint(record.data)}")
        if record.data == b"\\.":
            return Fault(None, "\\. alone on a line ends the data for PostgreSQL")
        if (nul := record.data.find(b"\0")) >= 0:
            return Fault(None, f"a NUL byte at byte {record.offset + nul} of the text")
        try:
            text = record.data.decode()
        except UnicodeDecodeError as error:
            byte = record.data[error.start]
            at = record.offset + error.start
            return Fault(None, f"byte {byte:#04x} at byte {at} of the text is not UTF-8")
        if is_misquoted(text, self._layout.delimiter):
            return Fault(
                None,
                "a quote in an unquoted cell: quote the whole cell, and double each quote in it"
                f"{_escape_hint(record.data)}",
            )
        found = cells(text, self._layout.delimiter)
        count = len(self._layout.fields)
        if len(found) != count:
            return Fault(None, f"{len(found)} cells, the header has {count}")
        return found

    def _judge_row(self, found: list[str | None]) -> Row:
        """Return a row with the faults that this loader finds, but not PostgreSQL."""
        row = Row()
        for number, (filled, cell) in enumerate(zip(self._layout.fields, found, strict=True), 1):
            try:
                if isinstance(filled, Omitted):
                    _judge_omitted(filled, cell)
                else:
                    row.sent.append(cell)
                    self._judge(filled, cell, row)
            except ValueError as error:
                name = f"column {number}" if isinstance(filled, Omitted) else filled.name
                row.faults.append(Fault(name, str(error)))
        return row

    def _judge(self, column: Column, cell: str | None, row: Row) -> None:
        if cell is None:
            if column.not_null:
                raise ValueError("is empty and must have a value")
        elif column.base == "timestamptz":
            time = self._layout.rules.read(cell)
            row.rounded += self._layout.rules.rounds(cell)
            if column.name == self._layout.time:
                row.time = (time - EPOCH) // MICROSECOND
            if not PLAIN.fullmatch(cell):
                row.sent[-1] = time.astimezone(UTC).isoformat()
        elif column.base in NUMBERS + WHOLE:
            row.sent[-1] = read(cell, self._layout.decimal, whole=column.base in WHOLE)

    def _sent(self, record: Record, row: Row) -> Record:
        text = record.data.decode()
        if self._layout.is_plain and row.sent == cells(text, self._layout.delimiter):
            return record
        return replace(record, sent=joined(row.sent, self._layout.delimiter))

    def _names(self) -> list[str]:
        return [f"c{number}" for number in range(len(self._layout.columns))]

    def _ask(self, rows: str) -> list[tuple[int, Fault]]:
        if not self._query:
            return []
        with self._connection.cursor() as cursor:
            cursor.execute("begin")
            try:
                fields = " text, ".join(self._names())
                cursor.execute(f"create temporary table rows (n integer, {fields} text)")
                cursor.copy_expert(
                    "copy rows from stdin (format csv, null '\\N')", io.StringIO(rows)
                )
                cursor.execute(f"{self._query} order by n")
                return [(n, Fault(column, message)) for n, column, message in cursor.fetchall()]
            finally:
                cursor.execute("rollback")


def _judge_omitted(omitted: Omitted, cell: str | None) -> None:
    if omitted is Omitted.EMPTY and cell is not None:
        raise ValueError(f"{cell!r} is in a column without a name: name it, or --ignore it")
    if omitted is Omitted.ROW_NUMBERS and not (cell or "").isdecimal():
        raise ValueError(f"{cell!r} is not a row number: name the column, or --ignore it")


def _escape_hint(data: bytes) -> str:
    return "; if a backslash escapes such quotes, use --escape '\\'" if b'\\"' in data else ""
