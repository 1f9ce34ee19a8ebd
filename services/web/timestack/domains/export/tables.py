"""The tables that others may read, their columns, and values of a column that come as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import pyarrow as pa
from psycopg2.errors import UndefinedTable
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Engine,
    Text,
    case,
    cast,
    column,
    extract,
    func,
    text,
)
from sqlalchemy.exc import DataError, ProgrammingError
from sqlalchemy.orm import Session

from timestack.series import catalog, encode
from timestack.series.sql import relation
from timestack.shared.roles import READONLY

# What PostgreSQL sends as these is the same here; all else is sent as its text.
SAME = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
}
EXACT = re.compile(r"numeric\((\d+),(\d+)\)")
MOST_DIGITS = 38
WHOLE = {"int2": 2**15, "int4": 2**31, "int8": 2**63}
DIGITS = re.compile(r"-?[0-9]{1,19}", re.ASCII)
COLUMNS = text("""
select attname, format_type(atttypid, atttypmod), format_type(atttypid, null), typname,
       (select array_position(indkey::int2[], attnum) from pg_index
         where indrelid = attrelid and indisprimary)
  from pg_attribute join pg_type on pg_type.oid = atttypid
 where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped
 order by attnum
""")


class WrongParameter(ValueError):
    """What is asked for cannot be answered; ``parameter`` is the name of what is wrong."""

    def __init__(self, parameter: str, why: str):
        super().__init__(why)
        self.parameter = parameter


class GoneError(WrongParameter):
    """The table, of a dataset, is not there any more."""

    def __init__(self, table: str):
        super().__init__("table", f"`{table}` was deleted a moment ago")


class WrongKey(WrongParameter):
    """The same of a column to choose by; ``parameter`` is the column."""


@dataclass(frozen=True)
class Column:
    """A column. ``type`` is as PostgreSQL spells it (``numeric(17,2)``).

    ``loose`` is the same without its limits, and ``base`` its internal name. ``place`` is that in
    the table's primary key, of a column that is a part of it.
    """

    name: str
    type: str
    loose: str
    base: str
    place: int | None = None

    @cached_property
    def arrow(self) -> pa.DataType:
        """The type of what is sent: exact, times in UTC in microseconds, else text."""
        if self.base == "timestamptz":
            return encode.TIME
        if self.base == "date":
            return pa.date32()
        if exact := EXACT.fullmatch(self.type):
            digits, decimals = map(int, exact.groups())
            if decimals <= digits <= MOST_DIGITS:
                return pa.decimal128(digits, decimals)
        return SAME.get(self.base, pa.string())

    @property
    def selected(self) -> ColumnElement:
        """What is read of it: times as microseconds, days as a count, both since 1970 in UTC.

        An infinite time, and a decimal that is not a number, is null: no format has either.
        """
        here = column(self.name)
        if self.base == "timestamptz":
            number = cast(extract("epoch", here) * text("1000000"), BigInteger)
            return case((func.isfinite(cast(here, DateTime(timezone=True))), number))
        if self.base == "date":
            return case((func.isfinite(cast(here, Date)), here - text("date '1970-01-01'")))
        if pa.types.is_decimal(self.arrow):
            return cast(func.nullif(here, text("'NaN'")), Text)
        return here if self.base in SAME else cast(here, Text)

    def array(self, values: Sequence[Any]) -> pa.Array:
        """What was ``selected``, as an array of type ``arrow``."""
        if pa.types.is_decimal(self.arrow):
            return pa.array(values, pa.string()).cast(self.arrow)
        return pa.array(values, self.arrow)


def readable(declared: catalog.Catalog) -> set[str]:
    """The declared tables that others may read: hypertables, and tables that files fill.

    Of both those that ``timestack_readonly`` may read as well.
    """
    every = {**declared.tables, **declared.hypertables}
    return {
        name
        for name in declared.loadable()
        if "select" in every[name].grants.get(READONLY.name, ())
    }


@contextmanager
def still_there(table: str) -> Iterator[None]:
    """Raise GoneError where the table, of a dataset, is dropped while a block reads it."""
    try:
        yield
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable):
            raise
        raise GoneError(table) from None


def hypertables(declared: catalog.Catalog) -> list[str]:
    """The hypertables among them, by name."""
    return sorted(readable(declared) & set(declared.hypertables))


def columns(session: Session, table: str) -> dict[str, Column]:
    """The columns of a table by name, in its order."""
    found = session.execute(COLUMNS, {"table": relation(table)})
    return {name: Column(name, *types) for name, *types in found}


_kept: WeakKeyDictionary[Engine, dict[str, dict[str, Column]]] = WeakKeyDictionary()


def kept_columns(session: Session, table: str) -> dict[str, Column]:
    """The same as they were when this process first asked: for keys, whose types stay."""
    kept = _kept.setdefault(session.get_bind().engine, {})
    if table not in kept and (found := columns(session, table)):
        kept[table] = found
    return kept.get(table, {})


def typed(
    session: Session, known: Mapping[str, Column], given: Mapping[str, Sequence[str]]
) -> dict[str, list[Any]]:
    """Return the values of columns that came as text, each as its column's type, none twice.

    Raises WrongKey for a column that is not ``known``, or a value that its type cannot have; the
    latter breaks a transaction off.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        there = ", ".join(known) or "none"
        raise WrongKey(unknown[0], f"is not a column to choose by: these are {there}")
    return {name: _typed(session, known[name], texts) for name, texts in given.items()}


def _typed(session: Session, column: Column, texts: Sequence[str]) -> list[Any]:
    if any("\0" in text for text in texts):
        raise WrongKey(column.name, "holds a NUL character: leave it out")
    if column.base in ("text", "varchar"):
        return list(dict.fromkeys(texts))
    if limit := WHOLE.get(column.base):
        numbers = [int(text) for text in texts if DIGITS.fullmatch(text)]
        if len(numbers) == len(texts) and all(-limit <= number < limit for number in numbers):
            return list(dict.fromkeys(numbers))
        raise _not_of(column, texts)
    # PostgreSQL knows each of its types; the name of one comes from its own catalog.
    cast_to = f"select unnest(cast(cast(:texts as text[]) as {column.loose}[]))"
    try:
        found = session.scalars(text(cast_to), {"texts": list(texts)})
        return list(dict.fromkeys(found))
    except DataError:
        raise _not_of(column, texts) from None


def _not_of(column: Column, texts: Sequence[str]) -> WrongKey:
    shown = ", ".join(repr(text[:40]) for text in texts[:3])
    return WrongKey(column.name, f"is of type {column.type}, not {shown}")
