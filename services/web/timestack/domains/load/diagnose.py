"""Every fault of every row of a block that something is wrong with.

What PostgreSQL's own types refuse is asked of PostgreSQL, column by column over a temporary table
of texts, so that the answer is the one COPY would give. The rest is checked here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg2.extensions import connection as Connection

from timestack.domains.load.errors import BadRow, Fault
from timestack.domains.load.records import Block, Record, cells
from timestack.domains.load.table import Column
from timestack.domains.load.times import NUMBERS, Rules
from timestack.series.sql import fill, literal

# What a float or numeric column would take, but no sum over it would survive.
NOT_NUMBERS = {"nan", "inf", "infinity", "+inf", "+infinity", "-inf", "-infinity"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

SELECT = """
select n, {sql_name}, message
  from rows, pg_input_error_info({field}, {sql_type})
 where not pg_input_is_valid({field}, {sql_type})
"""


@dataclass(frozen=True, slots=True)
class Examined:
    """The rows of a block, good and bad, in the file's order.

    ``times`` holds the table's time of each good row in microseconds since 1970 (UTC).
    """

    good: list[Record]
    bad: list[BadRow]
    times: np.ndarray


class Diagnosis:
    """Examines blocks for one load; needs a connection of its own, in autocommit."""

    def __init__(
        self,
        connection: Connection,
        columns: Sequence[Column],
        delimiter: str,
        rules: Rules,
        table_time: str | None,
    ):
        self._connection = connection
        self._columns = columns
        self._delimiter = delimiter
        self._rules = rules
        self._table_time = table_time
        self._query = " union all ".join(
            fill(SELECT, sql_name=literal(column.name), field=field, sql_type=literal(column.type))
            for column, field in zip(columns, self._fields(), strict=True)
            if column.base != "timestamptz"
        )

    def examine(self, block: Block) -> Examined:
        """Find every fault of every row."""
        records = block.records()
        faults: dict[int, list[Fault]] = {}
        times: dict[int, int] = {}
        texts = io.StringIO()
        writer = csv.writer(texts)
        for number, record in enumerate(records):
            found = self._read(record)
            if isinstance(found, Fault):
                faults[number] = [found]
                continue
            wrong, time = self._judge_row(found)
            if wrong:
                faults[number] = wrong
            times[number] = time
            writer.writerow([number, *("\\N" if cell is None else cell for cell in found)])
        for number, fault in self._ask(texts.getvalue()):
            known = faults.setdefault(number, [])
            if fault.column not in {each.column for each in known}:
                known.append(fault)
        good = [number for number in range(len(records)) if number not in faults]
        return Examined(
            [records[number] for number in good],
            [
                BadRow(records[number].line, records[number].data, tuple(faults[number]))
                for number in sorted(faults)
            ],
            np.array([times[number] for number in good], np.int64),
        )

    def _read(self, record: Record) -> list[str | None] | Fault:
        if not record.closed:
            return Fault(None, "a quote is opened and never closed")
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
        found = cells(text, self._delimiter)
        if len(found) != len(self._columns):
            return Fault(None, f"{len(found)} cells, the header has {len(self._columns)}")
        return found

    def _judge_row(self, row: list[str | None]) -> tuple[list[Fault], int]:
        """Return what this loader, but not PostgreSQL, has against a row, and its time."""
        faults, time = [], 0
        for column, cell in zip(self._columns, row, strict=True):
            try:
                read = self._judge(column, cell)
            except ValueError as error:
                faults.append(Fault(column.name, str(error)))
            else:
                if read and column.name == self._table_time:
                    time = (read - EPOCH) // MICROSECOND
        return faults, time

    def _judge(self, column: Column, cell: str | None) -> datetime | None:
        if cell is None:
            if column.not_null:
                raise ValueError("is empty and must have a value")
            return None
        if column.base == "timestamptz":
            return self._rules.read(cell)
        if column.base in NUMBERS and cell.strip().lower() in NOT_NUMBERS:
            raise ValueError(f"{cell!r} is no number: leave the cell empty where there is none")
        return None

    def _fields(self) -> list[str]:
        return [f"c{number}" for number in range(len(self._columns))]

    def _ask(self, rows: str) -> list[tuple[int, Fault]]:
        if not self._query:
            return []
        with self._connection.cursor() as cursor:
            cursor.execute("begin")
            try:
                fields = " text, ".join(self._fields())
                cursor.execute(f"create temporary table rows (n integer, {fields} text)")
                cursor.copy_expert(
                    "copy rows from stdin (format csv, null '\\N')", io.StringIO(rows)
                )
                cursor.execute(f"{self._query} order by n")
                return [(n, Fault(column, message)) for n, column, message in cursor.fetchall()]
            finally:
                cursor.execute("rollback")
