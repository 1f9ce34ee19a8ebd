"""The days of the account that the transaction acts for (see ``timestack.db``).

No function here takes an account: the database decides whose rows there are. Without one there
are none.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.domains.keyset import Order, Part
from timestack.models.usage import Usage

BY_DAY = Order((Usage.day, Usage.project))
BY_PROJECT = Order((Usage.project,))


@dataclass(frozen=True)
class ProjectDay:
    """What one project used on one day, a UTC date.

    The four volumes are seconds of media, ``items`` is a count, storage is megabytes at the end
    of the day. ``deleted`` says that the platform no longer has the project.
    """

    day: date
    project: str
    ingested_seconds: float
    transcribed_seconds: float
    subtitled_seconds: float
    translated_seconds: float
    items: int
    storage_video_mb: float
    storage_audio_mb: float
    storage_image_mb: float
    storage_text_mb: float
    storage_other_mb: float
    deleted: bool


@dataclass(frozen=True)
class Project:
    """The first and the last day (UTC dates) on which a project of the account used anything."""

    project: str
    first: date
    last: date


COLUMNS = tuple(getattr(Usage, field.name) for field in fields(ProjectDay))


def projects(session: Session) -> list[str]:
    """Return the names of the account's projects that have any usage, in alphabetical order."""
    return list(session.scalars(select(Usage.project).distinct().order_by(Usage.project)))


def by_day(session: Session, start: date, end: date) -> list[ProjectDay]:
    """Return the account's usage over ``start <= day < end``, by day and then by project.

    A day on which a project used nothing may be missing. Raises ValueError when ``end`` is not
    after ``start``.
    """
    if end <= start:
        raise ValueError(f"end {end} is not after start {start}")
    rows = session.execute(
        select(*COLUMNS)
        .where(Usage.day >= start, Usage.day < end)
        .order_by(Usage.day, Usage.project)
    )
    return [ProjectDay(*row) for row in rows]


def listed(
    session: Session,
    part: Part,
    *,
    start: date | None = None,
    end: date | None = None,
    project: str | None = None,
) -> list[ProjectDay]:
    """Return a part of the account's usage, of a project or all, by day and then by project.

    Its days are ``start <= day < end``.
    """
    statement = select(*COLUMNS)
    if start is not None:
        statement = statement.where(Usage.day >= start)
    if end is not None:
        statement = statement.where(Usage.day < end)
    if project is not None:
        statement = statement.where(Usage.project == project)
    return [ProjectDay(*row) for row in session.execute(BY_DAY.apply(statement, part))]


def listed_projects(session: Session, part: Part) -> list[Project]:
    """Return a part of the account's projects that have any usage, in alphabetical order."""
    first, last = func.min(Usage.day), func.max(Usage.day)
    statement = select(Usage.project, first, last).group_by(Usage.project)
    return [Project(*row) for row in session.execute(BY_PROJECT.apply(statement, part))]
