"""Tables of datasets: the plan itself makes them, from what their rows declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scripts.provision.edition import Edition
from scripts.provision.state import Relation, State, is_rollup
from scripts.provision.steps import Step
from timestack.series import functions
from timestack.series.catalog import Catalog
from timestack.series.sql import fill
from timestack.series.uploaded import Uploaded


def make(catalog: Catalog, state: State) -> Iterator[Step]:
    """Steps that make the tables that are missing; from then on they count as there."""
    for name, table in catalog.hypertables.items():
        if isinstance(table, Uploaded) and name not in state.relations:
            columns = tuple(column for column, _ in table.types)
            state.relations[name] = Relation(row_security=False, comment=None, columns=columns)
            yield Step("create", f"table {name}", ", ".join(columns), (_create(name, table),))


def _create(name: str, table: Uploaded) -> str:
    columns = (
        fill(
            "{column} {sql_type}{sql_null}",
            column=column,
            sql_type=type,
            sql_null=" not null" if column == table.time else "",
        )
        for column, type in table.types
    )
    return fill("create table {name:relation} ({sql_columns})", name=name,
                sql_columns=", ".join(columns))  # fmt: skip


def drop(name: str, state: State) -> Iterator[Step]:
    """The step that drops a table, after all that is made of it."""
    if name in state.relations:
        statement = fill("drop table {name:relation}", name=name)
        yield Step("drop", f"table {name}", "deleted", (statement,), destructive="its rows go")


def alone(name: str, catalog: Catalog, state: State, edition: Edition) -> State:
    """What a database is as far as one table is concerned, with its rollups and their functions."""
    own = {
        relation
        for relation, about in state.relations.items()
        if relation == name
        or (is_rollup(about) and about.comment.startswith(f"timestack rollup of {name}: "))
    }
    called = {each.name for each in edition.functions(catalog, state)}
    called |= {functions.refresh(relation) for relation in own}

    def of_own(found: dict) -> dict:
        kept = found.copy()
        for each in found.keys() - own:
            del kept[each]
        return kept

    return replace(
        state,
        relations=of_own(state.relations),
        hypertables=of_own(state.hypertables),
        bounds=of_own(state.bounds),
        indexes=of_own(state.indexes),
        functions={each: body for each, body in state.functions.items() if each in called},
        triggers=of_own(state.triggers),
        grants=of_own(state.grants),
        sequences={},
        row_policies=of_own(state.row_policies),
        continuous_aggregates=of_own(state.continuous_aggregates),
        policies={each: policy for each, policy in state.policies.items() if each[0] in own},
        columnstores=of_own(state.columnstores),
    )
