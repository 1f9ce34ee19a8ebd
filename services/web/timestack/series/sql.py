"""Composing SQL text: identifiers quoted in one place, so that no name is ever pasted in.

``psycopg2.sql`` needs an open connection to render; a plan must also render without one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import TableClause, table


def quote(name: str) -> str:
    """Return ``name`` as a quoted identifier; raises ValueError where PostgreSQL could not."""
    if not name or "\0" in name or len(name.encode()) > 63:
        raise ValueError(f"not an identifier of 1 to 63 bytes: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def relation(name: str) -> str:
    """Return a table's name as SQL: ``readings`` is in ``public``, ``datasets.d7`` says where."""
    schema, table = parts(name)
    return f"{schema}.{quote(table)}"


def parts(name: str) -> tuple[str, str]:
    """``readings`` -> ``("public", "readings")``, ``datasets.d7`` -> ``("datasets", "d7")``."""
    schema, _, table = name.rpartition(".")
    return schema or "public", table


def beside(table: str, name: str) -> str:
    """Return a name, such as that of an index, in the schema of a table."""
    schema, _, _ = table.rpartition(".")
    return f"{schema}.{name}" if schema else name


def regclass(name: str) -> str:
    """Return a declared table's name as the literal of a regclass."""
    return literal(".".join(parts(name)))


def selectable(name: str) -> TableClause:
    """Return a table as SQLAlchemy selects from it."""
    schema, _, plain = name.rpartition(".")
    return table(plain, schema=schema or None)


class _Name(str):
    """A name that formats as a quoted identifier; as ``{name:relation}`` with its schema."""

    def __format__(self, spec: str) -> str:
        return relation(self) if spec == "relation" else quote(self)


def literal(value: str | int | timedelta) -> str:
    """Return a value as an SQL literal: for definitions, which take no bound parameters."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, timedelta):
        return f"interval '{interval_text(value)}'"
    if "\0" in value:
        raise ValueError("PostgreSQL stores no NUL character")
    return "'" + value.replace("'", "''") + "'"


def fill(template: str, /, **parts: str | Iterable[str]) -> str:
    """Fill ``{name}`` with quoted identifiers; an iterable becomes a list separated by commas.

    ``{name:relation}`` is a table with its schema. A part whose name starts with ``sql_`` is SQL
    composed before and goes in as it is.
    """

    def text(name: str, part: str | Iterable[str]) -> str:
        if name.startswith("sql_"):
            return str(part)
        return _Name(part) if isinstance(part, str) else ", ".join(map(quote, part))

    return template.format(**{name: text(name, part) for name, part in parts.items()})


# The largest number that counts: sums of many such are still finite.
LARGEST = "1e300"


def finite(column: str) -> str:
    """SQL that is true of a number that can be added up: not NaN, which sorts last, or infinite."""
    return fill(f"{{column}} >= -{LARGEST} and {{column}} <= {LARGEST}", column=column)


# Seconds of each, the largest first.
UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}


def interval_text(interval: timedelta) -> str:
    """``timedelta(hours=36)`` -> ``36 hours``: the largest unit that divides it."""
    seconds = round(interval.total_seconds())
    for unit, size in UNITS.items():
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("every whole number of seconds is divisible by one")
