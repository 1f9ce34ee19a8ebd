"""Background jobs: start one, follow, cancel or retry it; pause a kind; what the clock starts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask_login import current_user
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    NotFound,
    RequestEntityTooLarge,
    UnprocessableEntity,
)

from timestack import db
from timestack.domains import jobs
from timestack.domains.jobs import control, kinds, listing, requests, schedules
from timestack.models.jobs import LAST_PRIORITY, USUAL_PRIORITY
from timestack.validation import sentences

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

LONGEST_KEY = 200


class NewJob(BaseModel):
    """The body of a POST. An ``id`` chosen by the caller makes the request safe to repeat."""

    model_config = ConfigDict(extra="forbid")
    kind: str
    params: dict[str, Any] = {}
    id: UUID | None = None
    run_at: AwareDatetime | None = None
    priority: Annotated[int, Field(ge=0, le=LAST_PRIORITY)] = USUAL_PRIORITY
    waits_for: UUID | None = None


@blueprint.post("")
def create() -> tuple[Response, int, dict[str, str]]:
    """Accept a job: 202 with its row and address.

    The header ``Idempotency-Key`` does what ``id`` does: the same user's request is one job.

    400 malformed JSON or key, 409 id or key is of another request, 413 too large, 415 not JSON,
    422 unknown kind, member or parameter.
    """
    try:
        new = NewJob.model_validate(request.get_json())
        job = jobs.submit(
            new.kind,
            new.params,
            id=new.id or _id_of_key(),
            run_at=new.run_at,
            priority=new.priority,
            waits_for=new.waits_for,
            submitted_by=_user(),
            request_id=g.get("request_id"),
        )
    except ValidationError as error:
        raise UnprocessableEntity(_faults(error)) from None
    except (kinds.UnknownKindError, requests.ParamsError) as error:
        raise UnprocessableEntity(_sentence(error)) from None
    except requests.TooLargeError as error:
        raise RequestEntityTooLarge(_sentence(error)) from None
    except requests.ConflictError as error:
        raise Conflict(_sentence(error)) from None
    return jsonify(listing.shape(job)), 202, {"Location": url_for("api.jobs.show", id=job.id)}


@blueprint.get("/<uuid:id>")
def show(id: UUID) -> Response:
    """One job, or 404."""
    with db.session() as session:
        job = listing.get(session, id)
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return jsonify(listing.shape(job))


@blueprint.get("")
def index() -> Response:
    """The newest jobs, newest first, fifty at most.

    ``?kind=`` and ``?state=``, which may be ``finished`` or ``unfinished``, choose among them;
    ``?before=`` an id goes on where the list that ended with that job did. 400 for what none of
    these can be.
    """
    try:
        wanted = listing.Filter(request.args.get("kind"), request.args.get("state"))
        before = UUID(request.args["before"]) if "before" in request.args else None
    except ValueError as error:
        raise BadRequest(_sentence(error)) from None
    with db.session() as session:
        last = listing.get(session, before) if before else None
        if before and last is None:
            raise NotFound(f"There is no job {before}.")
        found = listing.latest(session, wanted, before=last and (last.created_at, last.id))
        return jsonify(jobs=[listing.shape(job) for job in found])


@blueprint.get("/counts")
def counts() -> Response:
    """How many jobs wait and run, and how many ended in which way in the last 24 hours."""
    with db.session() as session:
        return jsonify(listing.counts(session))


@blueprint.post("/<uuid:id>/cancel")
def cancel(id: UUID) -> Response:
    """Cancel a job: a queued one at once, a running one soon. 404, or 409 when it has ended."""
    return _changed(control.cancel, id)


@blueprint.post("/<uuid:id>/retry")
def retry(id: UUID) -> Response:
    """Queue a failed or cancelled job again. 404, or 409 when it is in another state."""
    return _changed(control.retry, id)


@blueprint.get("/kinds")
def index_kinds() -> Response:
    """What may be asked for: each kind, the JSON schema of its parameters, whether it is paused."""
    with db.session() as session:
        paused = {each.kind: each for each in control.paused(session)}
    found = sorted(kinds.KINDS.values(), key=lambda kind: kind.name)
    return jsonify(kinds=[listing.kind_shape(kind, paused.get(kind.name)) for kind in found])


@blueprint.post("/kinds/<kind>/pause")
def pause(kind: str) -> tuple[str, int]:
    """Start no more jobs of a kind: 204, or 404."""
    return _switched(lambda session: control.pause(session, kind, by=_user()))


@blueprint.post("/kinds/<kind>/resume")
def resume(kind: str) -> tuple[str, int]:
    """Start jobs of a kind again: 204, or 404."""
    return _switched(lambda session: control.resume(session, kind))


@blueprint.get("/schedules")
def index_schedules() -> Response:
    """What the clock starts, with its last and next time; the next one first."""
    with db.session() as session:
        found = schedules.states(session)
    return jsonify(schedules=[listing.schedule_shape(each) for each in found])


def _changed(change, id: UUID) -> Response:
    try:
        with db.session() as session:
            return jsonify(listing.shape(change(session, id)))
    except control.NotFoundError as error:
        raise NotFound(_sentence(error)) from None
    except (control.StateError, kinds.UnknownKindError) as error:
        raise Conflict(_sentence(error)) from None


def _switched(change) -> tuple[str, int]:
    try:
        with db.session() as session:
            change(session)
    except kinds.UnknownKindError as error:
        raise NotFound(_sentence(error)) from None
    return "", 204


def _id_of_key() -> UUID | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise BadRequest(f"Idempotency-Key: use 1 to {LONGEST_KEY} printable characters.")
    return requests.id_of_key(_user(), key)


def _user() -> str:
    """The e-mail address of the user who asks."""
    return getattr(current_user, "email", "")


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _faults(error: ValidationError) -> str:
    known = f'The body is an object like {{"kind": "{next(iter(kinds.KINDS))}"}}.'
    return " ".join(
        [f"{each}." for each in sentences(error, "body")]
        + [known, f"Known kinds: {', '.join(sorted(kinds.KINDS))}."]
    )
