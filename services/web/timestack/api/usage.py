"""Usage of the account that asks: the database shows it no other's rows.

Administrators may ask for the figures of another account.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from flask import g
from pydantic import BeforeValidator, Field
from werkzeug.exceptions import Forbidden, NotFound

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Name, Query, Text, View
from timestack.domains import usage

resource = Resource(
    "usage", __name__, url_prefix="/usage", about="What your account used of the media platform."
)


def _month(given: str) -> str:
    if not re.fullmatch(usage.PATTERN, given):
        raise ValueError("should be a month such as 2026-10")
    return given


Month = Annotated[
    str,
    Field(
        description="Such as 2026-10; by default the newest with usage.",
        json_schema_extra={"pattern": usage.PATTERN},
    ),
    BeforeValidator(_month),
]


class UsageQuery(paging.DaysQuery):
    """Of which project, and of which days: ``start <= day < end``."""

    project: Text | None = None


class UsageList(View):
    """A part of the days; ``next`` is the cursor of the next one."""

    items: list[usage.ProjectDay]
    next: str | None


class ProjectList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[usage.Project]
    next: str | None


@resource.get("", query=UsageQuery, answer=UsageList)
def index(query: UsageQuery) -> Answer:
    """List the usage of your account, by day and then by project.

    Days of ``start`` are the first, and those of ``end`` are not among them; ``next`` and the
    header Link lead on. A day on which a project used nothing may be missing.
    """
    part = paging.part(query, usage.BY_DAY)
    chosen = query.model_dump(include={"project", "start", "end"})
    with db.session() as session:
        rows = usage.listed(session, part, **chosen)
    return paging.answer(UsageList, query, usage.BY_DAY, rows)


@resource.get("/projects", query=paging.ListQuery, answer=ProjectList)
def projects(query: paging.ListQuery) -> Answer:
    """List the projects of your account that used anything, in alphabetical order."""
    part = paging.part(query, usage.BY_PROJECT)
    with db.session() as session:
        rows = usage.listed_projects(session, part)
    return paging.answer(ProjectList, query, usage.BY_PROJECT, rows)


class FigureQuery(Query):
    """Of which month; ``account`` is for administrators."""

    month: Month | None = None
    account: Annotated[
        Name | None, Field(description="Another one than yours, for administrators.")
    ] = None


class RowView(View):
    """A line of a figure's table; ``key`` is the number of its colour, 0 that of the others."""

    cells: list[str]
    key: int | None
    note: str


class FigureView(View):
    """A figure: its numbers as a table, and as JSON for Plotly, null where there are none."""

    name: str
    title: str
    about: str
    notes: list[str]
    columns: list[str]
    rows: list[RowView]
    total: RowView | None
    texts: int
    plot: dict[str, Any] | None


@resource.get("/figures/<name>", query=FigureQuery, answer=FigureView, problems=(404,))
def figure(query: FigureQuery, name: str) -> FigureView:
    """Show a figure of a month: `projects`, `storage` or `volumes`.

    They are those of the Usage page: hours per project, what was stored on the newest day, and the
    four volumes of three months. The plot has no colours. 404 also says that there is no usage in
    the month.
    """
    if name not in usage.NAMES:
        raise NotFound(f"There is no figure “{name}”: there are {', '.join(usage.NAMES)}.")
    try:
        account = usage.choose(query.account, g.user.account, admin=g.admin)
        return FigureView.model_validate(usage.figure(account, name, query.month))
    except usage.RefusedError as error:
        raise Forbidden(str(error)) from None
    except usage.UnknownError as error:
        raise NotFound(str(error)) from None
