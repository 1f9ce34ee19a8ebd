"""Files that the scanner tracks, and their queue: list and delete in bulk by a filter.

A filter is the query string: ``?host=a&state=failed`` means the rows where both are so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, PlainSerializer
from werkzeug.exceptions import UnprocessableEntity

from timestack import db
from timestack.api.operation import Resource
from timestack.api.types import Digits, Id, View
from timestack.domains.files import known

resource = Resource("files", __name__, about="Files of test results that the scanner tracks.")

Limit = Annotated[int, Field(ge=1, le=known.MOST_LISTED), Digits]
Seconds = Annotated[timedelta, PlainSerializer(timedelta.total_seconds, return_type=float)]


class FilesQuery(known.Files):
    """Which files; ``before`` is ``next`` of the list so far."""

    limit: Limit = 100
    before: Id | None = None


class FileJobsQuery(known.FileJobs):
    """Which rows of the queue."""

    limit: Limit = 100
    before: Id | None = None


class Tracked(View):
    """What both lists show of where a file is from; ``time_to_live`` is in seconds."""

    id: int
    owner: str
    site: str
    host: str
    run_tag: str
    user_tag: str
    time_to_live: Seconds | None


class FileView(Tracked):
    """A file on a host."""

    path: str
    run_directory: str
    name: str
    type: str
    size: int
    modified_at: datetime
    sha256: str | None
    state: str
    message: str
    found_at: datetime


class FileJobView(Tracked):
    """A row of the queue."""

    kind: str
    file_id: int | None
    params: dict[str, Any]
    priority: int
    state: str
    message: str
    queued_at: datetime
    finished_at: datetime | None


class FileList(View):
    """Newest first; ``next`` is the ``before`` of the ones that follow, null at the end."""

    files: list[FileView]
    next: int | None


class FileJobList(View):
    """As of files."""

    file_jobs: list[FileJobView]
    next: int | None


class Deleted(View):
    """How many rows there are no longer."""

    deleted: int


@resource.get("/files", query=FilesQuery, answer=FileList)
def files(query: FilesQuery) -> FileList:
    """Tracked files, newest first."""
    found, following = _listed(query, known.Files)
    return FileList(files=found, next=following)


@resource.get("/file-jobs", query=FileJobsQuery, answer=FileJobList)
def jobs(query: FileJobsQuery) -> FileJobList:
    """Rows of the queue, newest first."""
    found, following = _listed(query, known.FileJobs)
    return FileJobList(file_jobs=found, next=following)


@resource.delete("/files", query=known.Files, answer=Deleted)
def delete_files(query: known.Files) -> Deleted:
    """Delete tracked files, with their results and queue rows.

    All that match the filter; without one nothing is deleted.
    """
    return _deleted(query)


@resource.delete("/file-jobs", query=known.FileJobs, answer=Deleted)
def delete_jobs(query: known.FileJobs) -> Deleted:
    """Delete rows of the queue, as of files."""
    return _deleted(query)


def _listed(
    asked: FilesQuery | FileJobsQuery, filter: type[known.Filter]
) -> tuple[list[Any], int | None]:
    fields = asked.model_dump(exclude_none=True)
    limit, before = fields.pop("limit"), fields.pop("before", None)
    with db.session() as session:
        rows = known.listed(session, filter(**fields), limit=limit, before=before)
    return list(rows), rows[-1].id if len(rows) == limit else None


def _deleted(filter: known.Filter) -> Deleted:
    try:
        with db.session() as session:
            return Deleted(deleted=known.remove(session, filter))
    except known.EmptyFilterError as error:
        raise UnprocessableEntity(f"{error}.") from None
