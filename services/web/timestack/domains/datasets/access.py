"""Which uploaded dataset is meant, and who may see and change it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from timestack.models.datasets import Dataset
from timestack.series import catalog, uploaded

LONGEST_NAME = 80
# What a reference by id looks like: 7, d7, datasets.d7.
ID = re.compile(r"(?:(?:datasets\.)?d)?([1-9][0-9]{0,17})")
LIKE_AN_ID = re.compile(r"(?:(?:datasets\.)?d)?[0-9]+", re.IGNORECASE)


class NameError(ValueError):
    """A dataset cannot have the name; the text says why."""


@dataclass(frozen=True)
class Viewer:
    """Who asks: the id of a user, and whether they may do what administrators may."""

    id: int
    is_admin: bool

    def may_change(self, dataset: Dataset) -> bool:
        """Whether a dataset is theirs to change: its owner's, and any administrator's."""
        return self.is_admin or dataset.owner_id == self.id

    @property
    def sees(self) -> ColumnElement[bool]:
        """The condition that they may see a dataset."""
        if self.is_admin:
            return true()
        return or_(Dataset.visibility == "everybody", Dataset.owner_id == self.id)


def checked_name(name: str) -> str:
    """Return a name without the blanks around it; raises NameError.

    A name is a part of an address, and is never taken for an id or a hypertable.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise NameError(f"a name has 1 to {LONGEST_NAME} printable characters")
    if LIKE_AN_ID.fullmatch(name):
        raise NameError(f"{name!r} looks like the id of a dataset: choose another name")
    if "/" in name or "\\" in name or not name.strip("."):
        raise NameError("a name has no slash, and more than dots")
    if name.lower() in catalog.current().hypertables:
        raise NameError(f"{name!r} is a hypertable: choose another name")
    return name


def find(session: Session, reference: str, viewer: Viewer, *, lock: bool = False) -> Dataset | None:
    """Return the dataset of an id (``7``, ``d7``, ``datasets.d7``) or a name, if they may see it.

    Capitals do not matter in a name. ``lock`` keeps others from changing it in this transaction.
    """
    if match := ID.fullmatch(reference):
        which = Dataset.id == int(match[1])
    else:
        which = func.lower(Dataset.name) == func.lower(reference)
    statement = select(Dataset).where(which, viewer.sees).options(joinedload(Dataset.owner))
    if lock:
        statement = statement.with_for_update(of=Dataset)
    return session.scalar(statement)


def visible(session: Session, viewer: Viewer) -> Sequence[Dataset]:
    """Return the datasets that they may see, by name."""
    statement = select(Dataset).where(viewer.sees).options(joinedload(Dataset.owner))
    return session.scalars(statement.order_by(func.lower(Dataset.name))).unique().all()


def may_read(session: Session, table: str, viewer: Viewer) -> bool:
    """Whether a table is that of a dataset which they may see and which has its rows."""
    mine = Dataset.id == uploaded.id_of(table)
    there = select(Dataset.id).where(mine, Dataset.state == "ready", viewer.sees)
    return session.scalar(there) is not None
