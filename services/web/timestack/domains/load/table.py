"""What the database says about the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from timestack.domains.load.errors import LoadError
from timestack.series.sql import fill, literal, quote

COLUMNS = """
select attname, format_type(atttypid, atttypmod), typname, attnotnull,
       attnotnull and not atthasdef and attidentity = '', attgenerated <> '' or attidentity = 'a',
       pg_get_serial_sequence(attrelid::regclass::text, attname)
  from pg_attribute join pg_type on pg_type.oid = atttypid
 where attrelid = %s and attnum > 0 and not attisdropped
 order by attnum
"""

# Unique indexes that `on conflict` can name: over plain columns, of all rows, checked at once.
KEYS = """
select array_agg(attname::text order by position)
  from pg_index,
       unnest(indkey::int2[]) with ordinality as part(number, position)
       join pg_attribute on attnum = number
 where indrelid = %s and attrelid = indrelid and position <= indnkeyatts
   and indisunique and indimmediate and indpred is null and indexprs is null
 group by indexrelid, indisprimary
 order by indisprimary desc, count(*)
"""

DIMENSIONS = """
select column_name, column_type::text, (extract(epoch from time_interval) * 1000000)::bigint
  from timescaledb_information.dimensions
 where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %s
 order by dimension_number
"""

# A trigger of the user's own may do what cannot be undone or done twice.
TRIGGERS = """
select exists (select from pg_trigger join pg_proc on pg_proc.oid = tgfoid
                join pg_namespace on pg_namespace.oid = pronamespace
                where tgrelid = %s and not tgisinternal
                  and nspname <> 'timestack' and nspname not like '\\_timescaledb%%')
"""


COLUMNSTORE = """
select exists (select from timescaledb_information.chunks
                where format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %s
                  and is_compressed)
"""


# To the largest number in the table, as this transaction sees it, and never back.
ADVANCE = """
select setval(seqrelid::regclass, least(largest, seqmax))
  from pg_sequence, (select max({column}) as largest from {sql_table}) as filled
 where seqrelid = {sql_sequence}::regclass and seqincrement > 0
   and largest > coalesce(pg_sequence_last_value(seqrelid), seqstart - 1)
"""


@dataclass(frozen=True, slots=True)
class Column:
    """``type`` is PostgreSQL's full spelling (``numeric(10,2)``), ``base`` its internal name.

    A ``required`` column must be in the file: it is not null and has no default. ``sequence``
    is what numbers the rows that are inserted without a value.
    """

    name: str
    type: str
    base: str
    not_null: bool
    required: bool
    generated: bool
    sequence: str | None = None


@dataclass(frozen=True)
class Table:
    """A table to load into, its name quoted.

    ``time`` is the column that cuts a hypertable into chunks, None for a plain table. Chunks can
    be foreseen when it is of type timestamptz and the only dimension; ``interval`` is how long one
    is, in microseconds. ``in_columns`` says that it has chunks in the columnstore already.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]
    time: str | None
    foreseeable: bool
    has_triggers: bool
    in_columns: bool
    interval: int | None

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


def read_table(connection: Connection, name: str) -> Table:
    """Describe a table of the search path, or of a schema named with a dot.

    Raises LoadError when there is none.
    """
    quoted = ".".join(quote(part) for part in name.split("."))
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s)::oid", (quoted,))
        oid = cursor.fetchone()[0]
        if oid is None:
            raise LoadError(f"there is no table {name!r}: `make plan` lists the hypertables")
        cursor.execute(COLUMNS, (oid,))
        columns = tuple(Column(*row) for row in cursor.fetchall())
        cursor.execute(KEYS, (oid,))
        keys = tuple(tuple(names) for (names,) in cursor.fetchall())
        cursor.execute(DIMENSIONS, (oid,))
        dimensions = cursor.fetchall()
        cursor.execute(TRIGGERS, (oid,))
        has_triggers = cursor.fetchone()[0]
        cursor.execute(COLUMNSTORE, (oid,))
        in_columns = cursor.fetchone()[0]
    time, type, interval = dimensions[0] if dimensions else (None, None, None)
    foreseeable = len(dimensions) == 1 and type == "timestamp with time zone"
    return Table(quoted, columns, keys, time, foreseeable, has_triggers, in_columns, interval)


def advance_sequences(cursor: Cursor, table: Table, filled: Sequence[Column]) -> None:
    """Have the rows inserted next numbered past those that a transaction wrote with a number."""
    for column in filled:
        if column.sequence:
            cursor.execute(
                fill(
                    ADVANCE,
                    column=column.name,
                    sql_table=table.name,
                    sql_sequence=literal(column.sequence),
                )
            )
