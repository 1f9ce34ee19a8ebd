"""Why PostgreSQL refused a row: its line in the file, and a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg2
from psycopg2 import errors

from timestack.domains.load.errors import BadRow, Fault
from timestack.domains.load.records import Record

# The errors of a row; any other is the database's.
REFUSALS = (errors.DataError, errors.IntegrityError, errors.InternalError, errors.QueryCanceled)
# How PostgreSQL names the values of a key.
KEY = re.compile(r"Key \((?P<columns>.*?)\)=\((?P<values>.*)\) (?P<what>.*)", re.DOTALL)
CONFLICT = "--on-conflict skip keeps the row that is there, --on-conflict update replaces it"


class OrphanError(psycopg2.IntegrityError):
    """A row that COPY accepted refers to no row: its place in the block, from 0, and the fault."""

    def __init__(self, place: int, fault: Fault):
        super().__init__(str(fault))
        self.place = place
        self.fault = fault


def line_of(error: psycopg2.Error, records: Sequence[Record]) -> int | None:
    """Return which of the records, from 1, PostgreSQL names in an error's context.

    None where it names none, and where a record has line breaks in it: PostgreSQL counts some.
    """
    if isinstance(error, OrphanError):
        return error.place + 1
    match = re.search(r"^COPY [^\n]*?, line (\d+)", error.diag.context or "", re.MULTILINE)
    if not match or int(match[1]) > len(records):
        return None
    if any(b"\n" in (each.sent or each.data) or b"\r" in each.data for each in records):
        return None
    return int(match[1])


def fault_of(error: psycopg2.Error) -> Fault:
    """Return PostgreSQL's error about a row, without names internal to the database."""
    if isinstance(error, OrphanError):
        return error.fault
    if isinstance(error, errors.QueryCanceled):
        return Fault(None, f"its key is on another line of the file too: {CONFLICT}")
    reason, detail = error.diag.message_primary or str(error).strip(), error.diag.message_detail
    key = KEY.match(detail or "")
    if key and isinstance(error, errors.ForeignKeyViolation):
        return Fault(key["columns"], f"{key['values']} {key['what'].rstrip('.')}")
    if key and isinstance(error, errors.UniqueViolation):
        return Fault(
            key["columns"].replace('"', ""),
            f"{key['values']} already exists, in the table or on another line: {CONFLICT}",
        )
    if isinstance(error, errors.CheckViolation):
        return Fault(None, _check(error.diag.constraint_name))
    return Fault(error.diag.column_name, f"{reason} ({detail})" if detail else reason)


def _check(name: str) -> str:
    if name.endswith("_bounds"):
        return f"is outside of the bounds that hypertables.yaml declares ({name})"
    return f'violates check constraint "{name}"'


def blame(record: Record, error: psycopg2.Error) -> BadRow:
    """Return a record as refused, with PostgreSQL's error."""
    return BadRow(record.line, record.data, (fault_of(error),))
