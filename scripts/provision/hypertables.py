"""Differences in the hypertables themselves: dimensions, unique key, indexes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import partial

from sqlalchemy import Connection

from scripts.provision.errors import Refused
from scripts.provision.state import Dimensions, State, is_rollup
from scripts.provision.steps import Step
from timestack.series.catalog import IN_CLONE, Catalog, Hypertable, descends, name_of
from timestack.series.sql import beside, fill, interval_text, literal, parts, regclass

CREATE = (
    "select create_hypertable({sql_name}, by_range({sql_time}, {sql_interval}), "
    "create_default_indexes => false, migrate_data => true)"
)
# Each query opens the chunks it reads, and a transaction's locks are counted in thousands.
MANY = 1000
CHUNKS_TO_BE = """
select count(distinct time_bucket({sql_interval}, {time})) from {table:relation}
"""
ADD_PARTITION = "select add_dimension({sql_name}, by_hash({sql_column}, {sql_count}))"


def diff(name: str, catalog: Catalog, state: State) -> Iterator[Step]:
    """Steps that make ``name`` a hypertable with the declared dimensions and indexes.

    Raises Refused for what cannot be changed once a table is a hypertable.
    """
    table = catalog.hypertables[name]
    yield from _dimensions(name, catalog, state.hypertables.get(name), name in state.with_rows)
    yield from _indexes(name, table, state)


def _dimensions(
    name: str, catalog: Catalog, actual: Dimensions | None, has_rows: bool
) -> Iterator[Step]:
    table, sql_name = catalog.hypertables[name], regclass(name)
    where = partial(catalog.where, "hypertables", name)
    if actual is None:
        yield _create(name, table, has_rows)
        return
    if actual.chunk_interval is None:
        raise Refused(
            f"{where('time')}: the table is partitioned by whole numbers, not by time, which "
            "cannot be changed: copy its rows into a new table; nothing was changed"
        )
    if actual.chunk_interval != table.chunk_interval:
        yield Step(
            "change",
            f"hypertable {name}",
            f"chunk interval {interval_text(actual.chunk_interval)} -> "
            f"{interval_text(table.chunk_interval)}, for new chunks",
            (
                fill(
                    "select set_chunk_time_interval({sql_name}, {sql_interval})",
                    sql_name=sql_name,
                    sql_interval=literal(table.chunk_interval),
                ),
            ),
        )
    if actual.time != table.time:
        raise Refused(
            f"{where('time')}: the table is partitioned by `{actual.time}`, which cannot "
            "be changed: copy its rows into a new table; nothing was changed"
        )
    wanted = (table.partition.column, table.partition.count) if table.partition else None
    if wanted == actual.partition:
        return
    if wanted is None or (actual.partition and wanted[0] != actual.partition[0]):
        raise Refused(
            f"{where('partition')}: the table is partitioned by `{actual.partition[0]}` as "
            "well, which cannot be undone: copy its rows into a new table; nothing was changed"
        )
    if actual.partition is None:
        if has_rows:
            raise Refused(
                f"{where('partition')}: a hash partition is added to an empty hypertable "
                "only, and this one has rows: copy them into a new table; nothing was changed"
            )
        yield Step(
            "change",
            f"hypertable {name}",
            f"{wanted[1]} hash partitions of {wanted[0]}",
            (_add_partition(name, wanted),),
        )
    else:
        yield Step(
            "change",
            f"hypertable {name}",
            f"hash partitions of {wanted[0]} {actual.partition[1]} -> {wanted[1]}, for new chunks",
            (
                fill(
                    "select set_number_partitions({sql_name}, {sql_count}, {sql_column})",
                    sql_name=sql_name,
                    sql_count=literal(wanted[1]),
                    sql_column=literal(wanted[0]),
                ),
            ),
        )


def undeclared(catalog: Catalog, state: State) -> Iterator[Step]:
    """Hypertables that the file does not name, made by hand or removed from it: shown, not undone.

    TimescaleDB cannot turn one back into a plain table, and whose rows it has is not known.
    """
    for name in sorted(set(state.hypertables) - set(catalog.hypertables)):
        if is_rollup(state.relations[name]):
            continue
        todo = f"declare it there, or keep its rows elsewhere and `drop table {name}`"
        yield Step("drop", f"hypertable {name}", f"not in {IN_CLONE}: {todo}", (), by_hand=True)


def notes(catalog: Catalog, state: State) -> Iterator[str]:
    """Tables whose chunks are so many that plans and loads take long and run out of locks."""
    for name, table in catalog.hypertables.items():
        chunks = _chunks(name, table, state)
        if chunks >= MANY:
            yield (
                f"warning: {catalog.where('hypertables', name, 'chunk_interval')}: "
                f"`{interval_text(table.chunk_interval)}` makes {chunks:,} chunks of the rows of "
                f"{name}: a longer one makes fewer, and each should have 10,000 rows or more"
            )


def _chunks(name: str, table: Hypertable, state: State) -> int:
    """How many chunks a table has, or will have once it is as declared and its rows are in it."""
    actual = state.hypertables.get(name)
    if actual is None:
        return state.chunks_to_be.get(name, 0)
    chunks = state.chunks[name]
    if actual.chunk_interval == table.chunk_interval:
        return len(chunks)
    widths = (chunk.end - chunk.start for chunk in chunks)
    return sum(math.ceil(width / table.chunk_interval.total_seconds())
               for width in widths if math.isfinite(width))  # fmt: skip


def chunks_to_be(connection: Connection, catalog: Catalog, state: State) -> dict[str, int]:
    """How many chunks will be made of the rows of each table that is not a hypertable yet."""
    found = {}
    for name in state.with_rows - set(state.hypertables):
        table = catalog.hypertables[name]
        statement = fill(
            CHUNKS_TO_BE, table=name, time=table.time, sql_interval=literal(table.chunk_interval)
        )
        partitions = table.partition.count if table.partition else 1
        found[name] = connection.exec_driver_sql(statement).scalar() * partitions
    return found


def _create(name: str, table: Hypertable, has_rows: bool) -> Step:
    sql_name = regclass(name)
    statements = [
        fill(
            CREATE,
            sql_name=sql_name,
            sql_time=literal(table.time),
            sql_interval=literal(table.chunk_interval),
        )
    ]
    detail = f"by {table.time}, chunks of {interval_text(table.chunk_interval)}"
    if table.partition:
        detail += f", {table.partition.count} hash partitions of {table.partition.column}"
        statements.append(_add_partition(name, (table.partition.column, table.partition.count)))
        if has_rows:
            # Only an empty hypertable takes a dimension, so the rows wait elsewhere meanwhile.
            aside = f"{name}_aside"[:63]
            statements = [
                fill("create temporary table {aside} on commit drop as "
                     "select * from {name:relation}", aside=aside, name=name),
                fill("truncate {name:relation}", name=name),
                *statements,
                fill("insert into {name:relation} select * from pg_temp.{aside}",
                     aside=aside, name=name),
            ]  # fmt: skip
    if has_rows:
        detail += ", with the rows it has"
    return Step("create", f"hypertable {name}", detail, tuple(statements))


def _add_partition(name: str, partition: tuple[str, int]) -> str:
    return fill(
        ADD_PARTITION,
        sql_name=regclass(name),
        sql_column=literal(partition[0]),
        sql_count=literal(partition[1]),
    )


def index_name(table: str, columns: tuple[str, ...], unique: bool) -> str:
    """PostgreSQL's own pattern; a name that is too long ends in a hash instead."""
    name = "_".join([parts(table)[1], *map(name_of, columns), "key" if unique else "idx"])
    if len(name) <= 55:
        return name
    return f"{name[:46]}_{hashlib.sha256(' '.join(columns).encode()).hexdigest()[:8]}"


def normal(columns: list[str]) -> tuple[str, ...]:
    """``["time asc"]`` -> ``("time",)``, as the system catalogs give it."""
    return tuple(f"{name_of(c)} desc" if descends(c) else name_of(c) for c in columns)


def declared_indexes(table: Hypertable) -> dict[tuple[str, ...], bool]:
    """Columns of each declared index and whether it is unique."""
    indexes = {normal(columns): False for columns in table.indexes}
    if table.unique:
        indexes[normal(table.unique)] = True
    return indexes


def _indexes(name: str, table: Hypertable, state: State) -> Iterator[Step]:
    wanted = declared_indexes(table)
    found = set()
    for index, actual in sorted(state.indexes[name].items()):
        if actual.columns in wanted and wanted[actual.columns] == actual.unique:
            found.add(actual.columns)
        elif not actual.constraint:
            yield Step(
                "drop",
                f"index {index}",
                f"not declared: {actual.definition.split(' USING ')[-1]}",
                (fill("drop index {index:relation}", index=beside(name, index)),),
                destructive="a unique key goes" if actual.unique else "",
            )
    for columns, unique in wanted.items():
        if columns not in found:
            yield Step(
                "create",
                f"{'unique key' if unique else 'index'} on {name}",
                f"({', '.join(columns)})",
                (create_index(name, columns, unique),),
            )


def create_index(table: str, columns: tuple[str, ...], unique: bool) -> str:
    return fill(
        "create {sql_unique} {index} on {table:relation} ({sql_columns})",
        sql_unique="unique index" if unique else "index",
        index=index_name(table, columns, unique),
        table=table,
        sql_columns=", ".join(
            fill("{column}", column=name_of(c)) + (" desc" if descends(c) else "") for c in columns
        ),
    )
