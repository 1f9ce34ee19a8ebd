"""The difference between hypertables.yaml and a database, as steps in dependency order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from scripts.provision import (
    apache,
    bounds,
    datasets,
    grants,
    hypertables,
    roles,
    rollups,
    timescale,
)
from scripts.provision.errors import Refused
from scripts.provision.reading import read
from scripts.provision.state import Relation, State
from scripts.provision.steps import Step
from timestack.series import uploaded
from timestack.series.catalog import Catalog
from timestack.series.edition import Edition
from timestack.shared.roles import BY_NAME

EDITIONS = {"apache": apache, "timescale": timescale}


@dataclass(frozen=True)
class Plan:
    """Steps to the file's state, empty when database and file agree; ``notes`` need no step."""

    edition: Edition
    steps: tuple[Step, ...]
    notes: tuple[str, ...]


def plan(catalog: Catalog, connection: Connection, *, only: str | None = None) -> Plan:
    """Compare the database with the file, and with the datasets that are declared in it.

    With ``only``, the table of a dataset, everything else is left as it is: ``catalog`` declares
    that table, or not where it is to be dropped.

    Raises Refused when the file names tables, columns or roles that the database lacks.
    """
    if only is None:
        catalog = uploaded.every(connection, catalog, unsettled=True)
    state = read(connection, catalog.hypertables)
    if only is not None:
        state = datasets.alone(only, catalog, state, EDITIONS[state.edition])
    made = tuple(datasets.make(catalog, state))
    require_known(catalog, state)
    state.outside = bounds.outside(connection, catalog, state)
    state.chunks_to_be = hypertables.chunks_to_be(connection, catalog, state)
    found = _plan(catalog, state, connection.engine.url.database if only is None else None)
    dropped = datasets.drop(only, state) if only and only not in catalog.hypertables else ()
    return replace(found, steps=(*made, *found.steps, *dropped))


def offline(catalog: Catalog, edition: Edition, database: str = "timestack") -> Plan:
    """The plan for a database of this edition that has been migrated and nothing else."""
    state = State(edition)
    for name in (*catalog.hypertables, *catalog.tables):
        state.relations[name] = Relation(row_security=False, comment=None, columns=())
    return _plan(catalog, state, database)


def _plan(catalog: Catalog, state: State, database: str | None) -> Plan:
    """The plan of what is declared, and with a ``database`` of the roles that may connect to it."""
    edition = EDITIONS[state.edition]

    def steps() -> Iterator[Step]:
        if database is not None:
            yield from roles.diff(state, database)
        for name in catalog.hypertables:
            yield from hypertables.diff(name, catalog, state)
        if database is not None:
            yield from hypertables.undeclared(catalog, state)
        yield from bounds.diff(catalog, state)
        yield from rollups.diff(catalog, state, edition)
        yield from grants.diff(catalog, state)

    notes = (
        *roles.notes(state),
        *edition.notes(catalog),
        *bounds.notes(catalog, state),
        *hypertables.notes(catalog, state),
    )
    return Plan(state.edition, tuple(steps()), notes)


def require_known(catalog: Catalog, state: State) -> None:
    """Raise Refused, with every fault, for names in the file that the database does not know."""
    known_roles = {*state.roles, *BY_NAME}
    faults = []
    for section in ("hypertables", "tables"):
        for name, table in getattr(catalog, section).items():
            relation = state.relations.get(name)
            if relation is None:
                faults.append(
                    f"{catalog.where(section, name)}: the database has no such table: "
                    "a migration makes it, and `make up` runs those"
                )
                continue
            faults += [
                f"{catalog.where(section, name, *path)}: the table has no column `{column}`"
                for path, column in table.columns()
                if column not in relation.columns
            ]
            faults += [
                f"{catalog.where(section, name, 'grants', role)}: the server has no role `{role}`"
                for role in table.grants
                if role not in known_roles
            ]
    if faults:
        raise Refused(*faults, "nothing was changed")
