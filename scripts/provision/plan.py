"""The difference between hypertables.yaml and a database, as steps in dependency order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from scripts.provision import apache, bounds, grants, hypertables, roles, rollups, timescale
from scripts.provision.errors import Refused
from scripts.provision.reading import read
from scripts.provision.state import Relation, State
from scripts.provision.steps import Step
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


def plan(catalog: Catalog, connection: Connection) -> Plan:
    """Compare the database with the file.

    Raises Refused when the file names tables, columns or roles that the database lacks.
    """
    state = read(connection, catalog.hypertables)
    require_known(catalog, state)
    state.outside = bounds.outside(connection, catalog, state)
    state.chunks_to_be = hypertables.chunks_to_be(connection, catalog, state)
    return _plan(catalog, state, connection.engine.url.database)


def offline(catalog: Catalog, edition: Edition, database: str = "timestack") -> Plan:
    """The plan for a database of this edition that has been migrated and nothing else."""
    state = State(edition)
    for name in (*catalog.hypertables, *catalog.tables):
        state.relations[name] = Relation(row_security=False, comment=None, columns=())
    return _plan(catalog, state, database)


def _plan(catalog: Catalog, state: State, database: str) -> Plan:
    edition = EDITIONS[state.edition]

    def steps() -> Iterator[Step]:
        yield from roles.diff(state, database)
        for name in catalog.hypertables:
            yield from hypertables.diff(name, catalog, state)
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
