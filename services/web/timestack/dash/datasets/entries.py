"""Datasets as the page shows them: those of uploaded files beside those of hypertables.yaml."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g
from sqlalchemy.orm import Session

from timestack.dash import guard
from timestack.domains.datasets import access, changes, tables
from timestack.domains.datasets.access import Viewer
from timestack.models.datasets import Dataset
from timestack.series import uploaded


@dataclass(frozen=True)
class Entry:
    """A dataset: ``row`` says whose it is, None where the project declares it.

    ``state`` is one of models.datasets.STATES or "failed", and ``message`` a sentence about it.
    ``now`` is its table as it is, None while it has none that can be read.
    """

    name: str
    table: str
    row: Dataset | None
    state: str
    message: str
    now: tables.Table | None


def viewer() -> Viewer:
    """Who asks."""
    return Viewer(g.user.id, guard.may(g.user, "admin"))


def may_change(entry: Entry) -> bool:
    """Whether it is theirs to rename, show and delete: an editor's own, and any admin's."""
    editor = entry.row is not None and guard.may(g.user, "editor")
    return editor and viewer().may_change(entry.row)


def every(session: Session) -> list[Entry]:
    """Those that who asks may see: the uploaded ones by name, then those of the project."""
    rows = access.visible(session, viewer())
    ready = [uploaded.table_of(row.id) for row in rows if row.state == "ready"]
    names = tables.names(admin=viewer().is_admin)
    there = tables.read(session, [*ready, *names])
    declared = [_declared(there[name]) for name in names if name in there]
    return [*(_uploaded(session, row, there) for row in rows), *declared]


def one(session: Session, reference: str) -> Entry | None:
    """The one of a name or id, if who asks may see it."""
    if row := access.find(session, reference, viewer()):
        ready = [uploaded.table_of(row.id)] if row.state == "ready" else []
        return _uploaded(session, row, tables.read(session, ready))
    if reference in tables.names(admin=viewer().is_admin):
        now = tables.read(session, [reference]).get(reference)
        return _declared(now) if now else None
    return None


def _uploaded(session: Session, row: Dataset, there: dict[str, tables.Table]) -> Entry:
    table = uploaded.table_of(row.id)
    state, message = changes.state(session, row)
    if state == "ready" and table not in there:
        state, message = "failed", "its table is not in the database any more: delete it"
    return Entry(row.name, table, row, state, message, there.get(table))


def _declared(now: tables.Table) -> Entry:
    return Entry(now.name, now.name, None, "ready", "", now)
