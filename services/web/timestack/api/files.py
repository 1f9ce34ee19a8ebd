"""Files that the scanner tracks, and their queue: list and delete in bulk by a filter.

A filter is the query string: ``?host=a&state=failed`` means the rows where both are so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from pydantic import Field, ValidationError
from sqlalchemy import inspect
from werkzeug.exceptions import UnprocessableEntity

from timestack import db
from timestack.domains.files import known
from timestack.validation import sentences

blueprint = Blueprint("files", __name__)

# The ids of the database's own rows.
Id = Annotated[int, Field(ge=1, lt=2**63)]
Limit = Annotated[int, Field(ge=1, le=known.MOST_LISTED)]


class _Files(known.Files):
    limit: Limit = 100
    before: Id | None = None


class _FileJobs(known.FileJobs):
    limit: Limit = 100
    before: Id | None = None


@blueprint.get("/files")
def files() -> Response:
    """Tracked files, newest first, at most ``limit``; ``next`` is the ``before`` of the next ones.

    422 a filter that there is not.
    """
    return _listed("files", _Files, known.Files)


@blueprint.get("/file-jobs")
def jobs() -> Response:
    """Queue rows, as files."""
    return _listed("file_jobs", _FileJobs, known.FileJobs)


@blueprint.delete("/files")
def delete_files() -> Response:
    """Delete tracked files, with their results and queue rows: ``{"deleted": 3}``.

    422 a filter that there is not, or none.
    """
    return _deleted(known.Files)


@blueprint.delete("/file-jobs")
def delete_jobs() -> Response:
    """Delete queue rows, as files."""
    return _deleted(known.FileJobs)


def _listed(name: str, asked: type[_Files | _FileJobs], filter: type[known.Filter]) -> Response:
    given = _asked(asked)
    fields = given.model_dump(exclude_none=True)
    limit, before = fields.pop("limit"), fields.pop("before", None)
    with db.session() as session:
        rows = known.listed(session, filter(**fields), limit=limit, before=before)
    more = rows[-1].id if len(rows) == limit else None
    return jsonify({name: [_shape(row) for row in rows], "next": more})


def _deleted(filter: type[known.Filter]) -> Response:
    given = _asked(filter)
    try:
        with db.session() as session:
            count = known.remove(session, given)
    except known.EmptyFilterError as error:
        raise UnprocessableEntity(f"{error}.") from None
    return jsonify(deleted=count)


def _asked(filter: type[known.Filter]) -> Any:
    """The filter in the query string; raises UnprocessableEntity."""
    given = request.args.to_dict(flat=False)
    twice = [name for name, values in given.items() if len(values) > 1]
    if twice:
        raise UnprocessableEntity(f"Given twice: {', '.join(sorted(twice))}.")
    try:
        return filter.model_validate({name: value for name, (value,) in given.items()})
    except ValidationError as error:
        faults = " ".join(f"{each}." for each in sentences(error, "the filter"))
        names = ", ".join(filter.model_fields)
        raise UnprocessableEntity(f"{faults} Filters are {names}.") from None


def _shape(row: Any) -> dict[str, Any]:
    return {each.key: _plain(getattr(row, each.key)) for each in inspect(type(row)).column_attrs}


def _plain(value: Any) -> Any:
    """Times as UTC, a time to live in seconds."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.total_seconds() if isinstance(value, timedelta) else value
