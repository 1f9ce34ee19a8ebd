"""Who asks, and which tables of uploaded datasets they may read."""

from __future__ import annotations

from flask import g

from timestack import db
from timestack.domains.datasets import access
from timestack.domains.datasets.access import Viewer
from timestack.series import uploaded


def viewer() -> Viewer:
    """The user of this request."""
    return Viewer(g.user.id, g.admin)


def may_read(table: str) -> bool:
    """Whether a table is that of a dataset which is loaded and which they may see."""
    if uploaded.id_of(table) is None:
        return False
    with db.session() as session:
        return access.may_read(session, table, viewer())


def unknown(table: str, known: list[str]) -> str:
    """Why a table cannot be read, behind its name."""
    if uploaded.id_of(table) is not None:
        return "is a dataset that is not loaded or is gone, or that you may not see"
    return f"is not a hypertable: these are {', '.join(known)}"
