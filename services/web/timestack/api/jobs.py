"""Background jobs: start one, read its progress and result."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request, url_for
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import Conflict, NotFound, UnprocessableEntity

from timestack import db
from timestack.domains import jobs
from timestack.models.jobs import Job
from timestack.validation import sentences

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

FINISHED = ("succeeded", "failed")


class NewJob(BaseModel):
    """The body of a POST. An ``id`` chosen by the caller makes the request safe to repeat."""

    model_config = ConfigDict(extra="forbid")
    kind: str
    id: UUID | None = None


@blueprint.post("")
def create() -> tuple[Response, int, dict[str, str]]:
    """Accept a job: 202 with its row and address.

    400 malformed JSON, 409 the id is taken by another kind, 415 not JSON, 422 unknown kind or
    member.
    """
    try:
        new = NewJob.model_validate(request.get_json())
        job = jobs.submit(new.kind, id=new.id, request_id=g.get("request_id"))
    except ValidationError as error:
        raise UnprocessableEntity(_faults(error)) from None
    except jobs.UnknownKindError as error:
        raise UnprocessableEntity(f"{error}.") from None
    except jobs.ConflictError as error:
        raise Conflict(f"{error}.") from None
    return jsonify(_shape(job)), 202, {"Location": url_for("api.jobs.show", id=job.id)}


@blueprint.get("/<uuid:id>")
def show(id: UUID) -> Response:
    """One job, or 404."""
    with db.session() as session:
        job = jobs.get(session, id)
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return jsonify(_shape(job))


@blueprint.get("")
def index() -> Response:
    """The newest fifty jobs, newest first."""
    with db.session() as session:
        return jsonify(jobs=[_shape(job) for job in jobs.latest(session, limit=50)])


def _shape(job: Job) -> dict:
    return {
        "id": str(job.id),
        "kind": job.kind,
        "state": job.state,
        "progress": job.progress,
        "message": job.message,
        "result": job.result if job.state in FINISHED else None,
        "created_at": _utc(job.created_at),
        "started_at": _utc(job.started_at),
        "finished_at": _utc(job.finished_at),
        "request_id": job.request_id,
    }


def _utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def _faults(error: ValidationError) -> str:
    known = f'The body is an object like {{"kind": "{next(iter(jobs.KINDS))}"}}.'
    return " ".join(
        [f"{each}." for each in sentences(error, "body")]
        + [known, f"Known kinds: {', '.join(sorted(jobs.KINDS))}."]
    )
