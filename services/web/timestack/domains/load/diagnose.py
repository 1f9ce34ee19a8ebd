"""Every fault of every row of a faulty block.

PostgreSQL itself checks its types, column by column over arrays of texts, so that the result is the
one that COPY would give. The rest is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta

import numpy as np
from psycopg2.extensions import connection as Connection

from timestack.domains.load.errors import BadRow, Fault
from timestack.domains.load.layout import Layout, Omitted
from timestack.domains.load.numbers import NUMBERS, WHOLE, read
from timestack.domains.load.records import Block, Record, cells, cut, joined
from timestack.domains.load.table import Column
from timestack.domains.load.times import EPOCH, PLAIN
from timestack.series.sql import fill, literal

MICROSECOND = timedelta(microseconds=1)

ROWS = "with rows as (select * from unnest({sql_arrays}) as given (n, {fields}))"
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
        checks = " union all ".join(
            fill(SELECT, sql_name=literal(column.name), field=name, sql_type=literal(column.type))
            for column, name in zip(layout.columns, self._names(), strict=True)
            if column.base != "timestamptz"
        )
        arrays = ", ".join(["%s::int[]", *("%s::text[]" for _ in layout.columns)])
        rows = fill(ROWS, sql_arrays=arrays, fields=self._names())
        # In a literal a percent sign is doubled, as in every statement with parameters.
        self._query = checks and f"{rows} {checks.replace('%', '%%')} order by n"

    def examine(self, block: Block) -> Examined:
        """Find every fault of every row."""
        records = block.records()
        rows: list[Row] = []
        whole: list[int] = []
        for number, record in enumerate(records):
            found = cut(record, self._layout.delimiter, len(self._layout.fields))
            row = Row(faults=[found]) if isinstance(found, Fault) else self._judge_row(found)
            rows.append(row)
            if not isinstance(found, Fault):
                whole.append(number)
        for number, fault in self._ask(whole, [rows[number].sent for number in whole]):
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

    def _ask(self, numbers: list[int], rows: list[list[str | None]]) -> list[tuple[int, Fault]]:
        if not (self._query and rows):
            return []
        columns = map(list, zip(*rows, strict=True))
        with self._connection.cursor() as cursor:
            cursor.execute(self._query, [numbers, *columns])
            return [(n, Fault(column, message)) for n, column, message in cursor.fetchall()]


def _judge_omitted(omitted: Omitted, cell: str | None) -> None:
    if omitted is Omitted.EMPTY and cell is not None:
        raise ValueError(f"{cell!r} is in a column without a name: name it, or --ignore it")
    if omitted is Omitted.ROW_NUMBERS and not (cell or "").isdecimal():
        raise ValueError(f"{cell!r} is not a row number: name the column, or --ignore it")
