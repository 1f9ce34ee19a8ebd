"""Usage of the account that asks, and of no other: the database shows it no other's rows."""

from __future__ import annotations

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.types import Text, View
from timestack.domains import usage

resource = Resource(
    "usage", __name__, url_prefix="/usage", about="What your account used of the media platform."
)


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
