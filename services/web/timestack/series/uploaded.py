"""Datasets as hypertables: declared by their rows in the table ``datasets``, not by the file.

Beside the catalog of the file, which a process reads once, they come and go: so they are looked up
by whoever asks, the one that is asked for alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from timestack.models.datasets import Dataset
from timestack.series import catalog
from timestack.series.catalog import Catalog, Hypertable, Identifier
from timestack.shared.roles import APP, PGADMIN, READONLY

SCHEMA = "datasets"
TABLE = re.compile(rf"{SCHEMA}\.d([1-9][0-9]{{0,17}})")
# What a column may be: the worker that makes tables takes no other word for a type.
Type = Literal["timestamptz", "bigint", "double precision", "boolean", "text"]
EDITABLE = ["select", "insert", "update", "delete"]
# Whether there can be datasets: before their migration, or without a right to read it, none is.
IS_KNOWN = text(
    "select coalesce(has_table_privilege(to_regclass('public.datasets')::oid, 'select'), false)"
)
TABLES = text("""
select relname from pg_class where relnamespace = to_regnamespace('datasets') and relkind = 'r'
""")


class Uploaded(Hypertable):
    """A hypertable whose columns are declared here as well: names and types, in their order."""

    types: list[tuple[Identifier, Type]]


def table_of(id: int) -> str:
    """Return the table of a dataset, ``datasets.d7``."""
    return f"{SCHEMA}.d{id}"


def id_of(table: str) -> int | None:
    """Return the dataset's id of a table called ``datasets.d7``; None for another name."""
    match = TABLE.fullmatch(table)
    return int(match[1]) if match else None


def find(session: Session | Connection, table: str) -> Catalog:
    """Return the file's catalog, and with the table of a dataset that one in it too.

    Not one that is not made yet or is about to be dropped.
    """
    declared = catalog.current()
    id = id_of(table)
    if id is None:
        return declared
    there = select(Dataset.declared, Dataset.visibility).where(
        Dataset.id == id, Dataset.state.in_(("loading", "ready"))
    )
    row = session.execute(there).one_or_none()
    return _with(declared, {table: hypertable(*row)}) if row else declared


def shown(session: Session, declared: Catalog, tables: Iterable[str]) -> Catalog:
    """Return a catalog with those of the tables that are of datasets which everybody may see."""
    there = select(Dataset.id, Dataset.declared, Dataset.visibility).where(
        Dataset.id.in_([id_of(table) for table in tables]),
        Dataset.state == "ready",
        Dataset.visibility == "everybody",
    )
    found = {table_of(id): hypertable(*described) for id, *described in session.execute(there)}
    return _with(declared, found)


def every(
    connection: Session | Connection, declared: Catalog, *, unsettled: bool = False
) -> Catalog:
    """Return a catalog with the table of every dataset that is made.

    With ``unsettled`` ones also those whose table is there and is still being made, or is about to
    be dropped.
    """
    if not connection.scalar(IS_KNOWN):
        return declared
    tables = {f"{SCHEMA}.{name}" for name in connection.scalars(TABLES)} if unsettled else set()
    columns = (Dataset.id, Dataset.declared, Dataset.visibility, Dataset.state)
    found = {}
    for id, *described, state in connection.execute(select(*columns).order_by(Dataset.id)):
        # In the other states the job that makes its table, or drops it, may be at it.
        if state in ("loading", "ready") or table_of(id) in tables:
            found[table_of(id)] = hypertable(*described)
    return _with(declared, found)


def hypertable(declared: Mapping[str, Any], visibility: str) -> Uploaded:
    """Return what a dataset's row declares.

    Who may read all of the database by other tools reads the datasets that everybody may see.
    Raises ValueError for a row that was not written by this code.
    """
    return _hypertable(json.dumps(declared), visibility)


@lru_cache(maxsize=256)
def _hypertable(declared: str, visibility: str) -> Uploaded:
    grants = {APP.name: EDITABLE, PGADMIN.name: EDITABLE}
    if visibility == "everybody":
        grants[READONLY.name] = ["select"]
    found = Uploaded.model_validate({**json.loads(declared), "grants": grants})
    if faults := [what for _, what in found.faults()]:
        raise ValueError("; ".join(faults))
    return found


def _with(declared: Catalog, datasets: Mapping[str, Hypertable]) -> Catalog:
    both = {**declared.hypertables, **datasets}
    return declared.model_copy(update={"hypertables": both}) if datasets else declared
