"""The files and queue rows that the database knows: listed, filtered, and deleted in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from timestack.domains.results import store
from timestack.models.files import FILE_STATES, FILE_TYPES, JOB_STATES, FileJob, TrackedFile
from timestack.models.results import Result, Run

MOST_LISTED = 500

# PostgreSQL takes no NUL, and half of a character cannot be sent.
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class Filter(BaseModel):
    """Rows whose columns are equal to all that is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: ClassVar[type[TrackedFile | FileJob]]
    owner: Text | None = None
    site: Text | None = None
    host: Text | None = None
    run_tag: Text | None = None
    user_tag: Text | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Empty where all rows are meant."""
        given = self.model_dump(exclude_none=True)
        return [getattr(self.table, name) == value for name, value in given.items()]


class Files(Filter):
    """Of tracked files."""

    table = TrackedFile
    state: Literal[FILE_STATES] | None = None
    type: Literal[FILE_TYPES] | None = None


class FileJobs(Filter):
    """Of the queue."""

    table = FileJob
    state: Literal[JOB_STATES] | None = None
    kind: Text | None = None


class EmptyFilterError(ValueError):
    """The filter means every row, which nobody deletes by leaving a word out."""

    def __init__(self, filter: type[Filter]):
        names = ", ".join(filter.model_fields)
        super().__init__(f"nothing says which rows to delete: give at least one of {names}")


def listed(
    session: Session, filter: Filter, *, limit: int = 100, before: int | None = None
) -> Sequence[TrackedFile | FileJob]:
    """Return the newest rows of a filter, newest first, those with a lower id than ``before``."""
    table = filter.table
    older = [table.id < before] if before is not None else []
    return session.scalars(
        select(table).where(*filter.conditions, *older).order_by(table.id.desc()).limit(limit)
    ).all()


def count(session: Session, filter: Filter) -> int:
    """Return how many rows a filter means."""
    return session.scalar(select(func.count()).select_from(filter.table).where(*filter.conditions))


def remove(session: Session, filter: Filter) -> int:
    """Delete the rows of a filter and return how many; of files also their results and jobs.

    The files themselves stay, and the next scan finds those that are there. Raises
    EmptyFilterError.
    """
    if not filter.conditions:
        raise EmptyFilterError(type(filter))
    if filter.table is TrackedFile:
        return forget(session, *filter.conditions)
    return delete_rows(session, FileJob, *filter.conditions)


def forget(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Delete tracked files, their results and their jobs; return how many files."""
    # Those that are there now: one that comes meanwhile keeps what it brings.
    ids = list(session.scalars(select(TrackedFile.id).where(*conditions).with_for_update()))
    store.forget(session, Run.file_id.in_(ids), Result.file_id.in_(ids))
    return delete_rows(session, TrackedFile, TrackedFile.id.in_(ids))


def delete_rows(session: Session, table: type, *conditions: ColumnElement[bool]) -> int:
    statement = delete(table).where(*conditions).execution_options(synchronize_session=False)
    return session.execute(statement).rowcount
