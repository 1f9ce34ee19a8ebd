"""A job is accepted: its parameters are checked and its row is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Float,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from timestack.domains.jobs import kinds
from timestack.models.jobs import USUAL_PRIORITY, Job
from timestack.prepared import Prepared
from timestack.validation import sentences

# Bytes of the parameters as JSON: a job names data, it does not carry them.
LARGEST_PARAMS = 16 * 1024
# The namespace of ids that are made of a client's idempotency keys.
KEYS = UUID("b1f5a9ae-8a53-4d3c-a8f7-1f3d6f0f6d61")


def _new(name: str, type_=None):
    return bindparam(f"new_{name}", type_=type_ or Job.__table__.c[name].type)


# A window is of the database's clock: those of two web servers differ.
_WINDOW = cast(bindparam("window"), Float)
_KEY = _new("unique_key") + func.coalesce(
    ":" + cast(func.floor(func.extract("epoch", func.now()) / _WINDOW), Text), ""
)
_COLUMNS = Job.__table__.c
_INSERT = Prepared(
    "job_insert",
    insert(Job.__table__)
    .values(
        **{
            name: _new(name)
            for name in (
                *("id", "kind", "params", "priority", "max_attempts"),
                *("waits_for", "submitted_by", "request_id"),
            )
        },
        unique_key=_KEY,
        run_at=func.coalesce(_new("run_at"), func.now()),
        # Written now rather than after sending, which would be a second commit.
        sent_at=case((bindparam("sending", type_=Boolean), func.now())),
    )
    .on_conflict_do_nothing()
    .returning(*_COLUMNS),
)


class ParamsError(ValueError):
    """The parameters are not those of the kind; ``faults`` has a sentence for each fault."""

    def __init__(self, kind: str, faults: list[str]):
        self.faults = faults
        super().__init__(f"the parameters of {kind} are wrong: {'; '.join(faults)}")


class TooLargeError(ValueError):
    """The parameters are larger than LARGEST_PARAMS."""

    def __init__(self, size: int):
        super().__init__(f"the parameters have {size} bytes; the most are {LARGEST_PARAMS}")


class ConflictError(ValueError):
    """The id or idempotency key belongs to another request."""


@dataclass(frozen=True)
class Request:
    """What is asked for, beside kind and parameters.

    ``id`` makes the request safe to repeat: the job of the first one is returned. ``run_at`` is
    the earliest start (UTC), None now; ``waits_for`` the id of a job that must succeed first.
    ``submitted_by`` is an e-mail address, or ``schedule`` and the like.
    """

    id: UUID | None = None
    run_at: datetime | None = None
    priority: int = USUAL_PRIORITY
    waits_for: UUID | None = None
    submitted_by: str = ""
    request_id: str | None = None


def id_of_key(user: str, key: str) -> UUID:
    """Return the id of the job that a user's request under an idempotency key makes."""
    return uuid5(KEYS, f"{user}\n{key}")


def add(session: Session, kind: str, params: Mapping[str, Any] | None = None, **request) -> Job:
    """Accept a job within the caller's transaction, which decides whether there is one.

    Beat sends the message within a second or so after the commit. ``request`` is as in Request.

    Raises as ``dispatch.submit`` does.
    """
    session.flush()
    asked = Request(**request)
    _, job = write(session.connection(), kind, params or {}, asked, sending=False)
    return job


def write(
    connection: Connection, name: str, params: Mapping[str, Any], asked: Request, *, sending: bool
) -> tuple[bool, Job]:
    """Return whether a row was written, and the row; ``sending`` when its message follows."""
    kind = kinds.find(name)
    checked = _check(kind, params)
    if asked.waits_for and _found(connection, Job.id == asked.waits_for) is None:
        raise ConflictError(f"there is no job {asked.waits_for} to wait for")
    now = sending and asked.run_at is None and asked.waits_for is None
    id = asked.id or uuid4()
    key = kinds.unique_key(kind, checked)
    given = {
        "new_id": id,
        "new_kind": name,
        "new_params": json.dumps(checked),
        "new_priority": asked.priority,
        "new_max_attempts": kind.max_attempts,
        "new_unique_key": key,
        "window": kinds.window(kind),
        "new_run_at": asked.run_at,
        "sending": now,
        "new_waits_for": asked.waits_for,
        "new_submitted_by": asked.submitted_by,
        "new_request_id": asked.request_id,
    }
    while True:
        if row := _INSERT.one(connection, given):
            return True, _loaded(row)
        if job := _found(connection, Job.id == id):
            _require_same(job, name, checked)
            return False, job
        # With the same key; unless it ended at this moment, and the key is free again.
        if job := _found(connection, Job.unique_key == _KEY, given):
            return False, job


def _loaded(row: tuple) -> Job:
    """Return the job of a row, as a query makes it: its constructor would note each change."""
    job = Job()
    vars(job).update(zip(_COLUMNS.keys(), row, strict=True))
    return job


def _found(
    connection: Connection, condition: ColumnElement[bool], given: Mapping[str, Any] | None = None
) -> Job | None:
    with Session(connection) as session:
        return session.scalar(select(Job).where(condition), given)


def _check(kind: kinds.Kind, params: Mapping[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(params, default=str))
    if size > LARGEST_PARAMS:
        raise TooLargeError(size)
    try:
        # Without defaults: a parameter that a later release adds leaves the request as it was.
        return kind.params.model_validate(params).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        raise ParamsError(kind.name, sentences(error, "params")) from None


def _require_same(job: Job, kind: str, params: dict[str, Any]) -> None:
    if (job.kind, job.params) != (kind, params):
        raise ConflictError(
            f"job {job.id} exists and is another request: of kind {job.kind!r}, with other"
            " parameters or both; use a new id or idempotency key"
        )
