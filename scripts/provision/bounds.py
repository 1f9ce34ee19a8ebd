"""Differences in the declared bounds of columns, each a CHECK in the database.

A CHECK cannot be altered, only made again, so its comment records its bounds. Rows that
were there before and are outside stay: the check then holds for new rows (NOT VALID), and the
first apply after they are gone makes it hold for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from scripts.provision.console import say
from scripts.provision.reading import read
from scripts.provision.state import Check, State
from scripts.provision.steps import Step
from timestack.series.catalog import Bounds, Catalog
from timestack.series.sql import fill, literal, parts

# Rows that are shown of those outside.
SHOWN = 10

ADD = "alter table {table:relation} add constraint {name} check ({sql_condition}){sql_not_valid}"
COMMENT = "comment on constraint {name} on {table:relation} is {sql_text}"
OUTSIDE = "select exists (select from {table:relation} where not ({sql_condition}))"
# As text: Python may not have such a time.
ROWS = """
select row_to_json(rows)::text, count(*) over () from {table:relation} as rows
 where not ({sql_condition}) limit {sql_limit}
"""
DELETE = "delete from {table:relation} where not ({sql_condition})"
DROP = "alter table {table:relation} drop constraint if exists {name}"


def outside(connection: Connection, catalog: Catalog, state: State) -> set[tuple[str, str]]:
    """Tables and columns that have rows outside their bounds; a valid check needs no look."""
    found = set()
    for table in state.with_rows:
        for column, bounds in catalog.hypertables[table].bounds.items():
            actual = state.bounds[table].get(constraint_name(table, column))
            if actual == Check(comment(bounds), validated=True):
                continue
            condition = bounds.condition(column)
            statement = fill(OUTSIDE, table=table, sql_condition=condition)
            if connection.exec_driver_sql(statement).scalar():
                found.add((table, column))
    return found


def diff(catalog: Catalog, state: State) -> Iterator[Step]:
    """Steps that make, change and drop checks until only the declared bounds are there."""
    for table, declared in catalog.hypertables.items():
        for column, bounds in declared.bounds.items():
            yield from _bounds(table, column, bounds, state)
    for table, found in sorted(state.bounds.items()):
        declared = catalog.hypertables.get(table)
        wanted = {
            constraint_name(table, column) for column in (declared.bounds if declared else ())
        }
        for name in sorted(set(found) - wanted):
            yield Step(
                "drop",
                f"bounds {name}",
                "not declared",
                (fill(DROP, table=table, name=name),),
            )


def _bounds(table: str, column: str, bounds: Bounds, state: State) -> Iterator[Step]:
    name = constraint_name(table, column)
    actual = state.bounds[table].get(name)
    is_outside = (table, column) in state.outside
    same = actual and actual.comment == comment(bounds)
    if same and (actual.validated or is_outside):
        return
    if is_outside and table in state.in_columnstore:
        # There TimescaleDB checks the rows in spite of NOT VALID; the note names them.
        return
    add = fill(
        ADD,
        table=table,
        name=name,
        sql_condition=bounds.condition(column),
        sql_not_valid=" not valid" if is_outside else "",
    )
    note = fill(COMMENT, table=table, name=name, sql_text=literal(comment(bounds)))
    # Somebody may have made one of this name by hand.
    drop = fill(DROP, table=table, name=name)
    yield Step(
        "change" if actual else "create",
        f"bounds of {table}.{column}",
        f"{bounds}, for new rows" if is_outside else f"{bounds}",
        (drop, add, note),
    )


def notes(catalog: Catalog, state: State) -> Iterator[str]:
    """Columns whose rows are partly outside, which no plan deletes."""
    for table, column in sorted(state.outside):
        bounds = catalog.hypertables[table].bounds[column]
        if table in state.in_columnstore:
            yield (
                f"warning: bounds of {table}.{column}: rows in the columnstore are outside "
                f"({bounds}), and new ones are not refused until these are gone: `make doctor` "
                "names them, and how to remove them"
            )
            continue
        yield (
            f"warning: bounds of {table}.{column}: existing rows are outside ({bounds}) and "
            "stay: `make doctor` names them, and how to remove them"
        )


def constraint_name(table: str, column: str) -> str:
    """``readings_time_bounds``; a name that is too long ends in a hash instead."""
    name = f"{parts(table)[1]}_{column}_bounds"
    if len(name) <= 63:
        return name
    return f"{name[:47]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}_bounds"


def comment(bounds: Bounds) -> str:
    """The bounds of a constraint; the next plan compares it with the file."""
    return f"timestack bounds: {bounds}"


def run(engine: Engine, catalog: Catalog) -> None:
    """List the rows outside the declared bounds, at most ten per column, and how to remove them."""
    with engine.connect() as connection:
        found = outside(connection, catalog, read(connection, catalog.hypertables))
        for table, column in sorted(found):
            _show(connection, table, column, catalog.hypertables[table].bounds[column])


def _show(connection: Connection, table: str, column: str, bounds: Bounds) -> None:
    condition = bounds.condition(column)
    statement = fill(ROWS, table=table, sql_condition=condition, sql_limit=str(SHOWN))
    rows = connection.exec_driver_sql(statement).all()
    count = rows[0][1] if rows else 0
    say(f"{table}.{column}: {count:,} {'row is' if count == 1 else 'rows are'} outside ({bounds})")
    for row, _ in rows:
        say(f"  {row}")
    if count > len(rows):
        say(f"  ... and {count - len(rows):,} more")
    say("-> make psql, then make apply; the rows go, so look at them first:")
    say(f"   {fill(DELETE, table=table, sql_condition=condition)};")
