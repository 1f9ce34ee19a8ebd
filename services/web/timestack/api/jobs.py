"""Background jobs: start one, follow, cancel or retry it; pause a kind; what the clock starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import g, url_for
from flask_login import current_user
from pydantic import ConfigDict, Field, RootModel
from sqlalchemy.orm import Session
from werkzeug.exceptions import (
    Conflict,
    NotFound,
    RequestEntityTooLarge,
    UnprocessableEntity,
)

from timestack import db
from timestack.api import idempotency
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Digits, Query, Text, Time, View
from timestack.domains import jobs
from timestack.domains.jobs import control, kinds, listing, requests, schedules
from timestack.models.jobs import LAST_PRIORITY, STATES, USUAL_PRIORITY, Job
from timestack.words import sentence

resource = Resource(
    "jobs", __name__, url_prefix="/jobs", about="Work in the background: start, follow, cancel."
)


def _params_by_kind(schema: dict[str, Any]) -> None:
    """The document shows which parameters each kind takes; it is the domain that checks them."""
    schema["anyOf"] = []
    for name, kind in kinds.KINDS.items():
        params = kind.params.model_json_schema()
        shown = {"title": kind.title, "properties": {"kind": {"const": name}, "params": params}}
        schema["anyOf"].append({**shown, "required": ["params"] if "required" in params else []})


class NewJob(Body):
    """What is to be done. An ``id`` chosen by the caller makes the request safe to repeat."""

    model_config = ConfigDict(json_schema_extra=_params_by_kind)

    kind: Annotated[str, Field(json_schema_extra={"enum": list(kinds.KINDS)})]
    params: dict[str, Any] = Field(default_factory=dict)
    id: UUID | None = None
    run_at: Time | None = None
    priority: Annotated[int, Field(ge=0, le=LAST_PRIORITY), Digits] = USUAL_PRIORITY
    waits_for: UUID | None = None


class JobsQuery(Query):
    """Which jobs; ``before`` is the id of the last one of the list so far."""

    kind: Text | None = None
    state: Literal[*STATES, *listing.GROUPS] | None = None
    before: UUID | None = None


class JobView(View):
    """A job; ``progress`` is from 0 to 1, and ``result`` there when it has ended."""

    id: UUID
    kind: str
    params: dict[str, Any]
    state: str
    priority: int
    progress: float
    message: str
    attempts: int
    max_attempts: int
    errors: list[dict[str, Any]]
    result: dict[str, Any] | None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    waits_for: UUID | None
    submitted_by: str
    request_id: str | None


class JobList(View):
    """The newest first."""

    jobs: list[JobView]


class KindView(View):
    """What may be asked for; ``params`` is a JSON schema."""

    kind: str
    title: str
    queue: str
    params: dict[str, Any]
    time_limit_seconds: float
    max_attempts: int
    paused: bool
    paused_at: datetime | None
    paused_by: str | None


class KindList(View):
    """By name."""

    kinds: list[KindView]


class ScheduleView(View):
    """What the clock starts; ``cron`` is read in the time zone ``zone``."""

    name: str
    kind: str
    cron: str
    zone: str
    due_at: datetime | None
    last_at: datetime | None
    last_job: UUID | None


class ScheduleList(View):
    """The one that is due first comes first."""

    schedules: list[ScheduleView]


class Counts(RootModel[dict[str, int]]):
    """Jobs by state."""


@resource.post(
    "", body=NewJob, headers=("Idempotency-Key",), answer=JobView, status=202, problems=(409,)
)
def create(body: NewJob) -> Answer:
    """Accept a job; ``Location`` is its address.

    The header ``Idempotency-Key`` does what ``id`` does: the same user's request is one job, and
    another request under it is refused with 409.
    """
    # Looked at in any case: a faulty one is refused beside an id, too.
    by_key = _id_of_key()
    try:
        job = jobs.submit(
            body.kind,
            body.params,
            id=body.id or by_key,
            run_at=body.run_at,
            priority=body.priority,
            waits_for=body.waits_for,
            submitted_by=_user(),
            request_id=g.get("request_id"),
        )
    except (kinds.UnknownKindError, requests.ParamsError) as error:
        raise UnprocessableEntity(sentence(error)) from None
    except requests.TooLargeError as error:
        raise RequestEntityTooLarge(sentence(error)) from None
    except requests.ConflictError as error:
        raise Conflict(sentence(error)) from None
    return Answer(_view(job), headers={"Location": url_for("api.jobs.show", id=job.id)})


@resource.get("/<uuid:id>", answer=JobView, problems=(404,))
def show(id: UUID) -> JobView:
    """One job."""
    with db.session() as session:
        job = listing.get(session, id)
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return _view(job)


@resource.get("", query=JobsQuery, answer=JobList, problems=(404,))
def index(query: JobsQuery) -> JobList:
    """The newest jobs, newest first, fifty at most.

    ``state`` may be ``finished`` or ``unfinished``; 404 when there is no job ``before``.
    """
    with db.session() as session:
        last = listing.get(session, query.before) if query.before else None
        if query.before and last is None:
            raise NotFound(f"There is no job {query.before}.")
        wanted = listing.Filter(query.kind, query.state)
        found = listing.latest(session, wanted, before=last and (last.created_at, last.id))
    return JobList(jobs=[_view(job) for job in found])


@resource.get("/counts", answer=Counts)
def counts() -> Counts:
    """How many jobs wait and run, and how many ended in which way in the last 24 hours."""
    with db.session() as session:
        return Counts(listing.counts(session))


@resource.post("/<uuid:id>/cancel", answer=JobView, problems=(404, 409))
def cancel(id: UUID) -> JobView:
    """Cancel a job: a queued one at once, a running one soon. 409 when it has ended."""
    return _changed(control.cancel, id)


@resource.post("/<uuid:id>/retry", answer=JobView, problems=(404, 409))
def retry(id: UUID) -> JobView:
    """Queue a failed or cancelled job again. 409 when it is in another state."""
    return _changed(control.retry, id)


@resource.get("/kinds", answer=KindList)
def index_kinds() -> KindList:
    """What may be asked for: each kind, the JSON schema of its parameters, whether it is paused."""
    with db.session() as session:
        paused = {each.kind: each for each in control.paused(session)}
    found = sorted(kinds.KINDS.values(), key=lambda kind: kind.name)
    shapes = [listing.kind_shape(kind, paused.get(kind.name)) for kind in found]
    return KindList.model_validate({"kinds": shapes})


@resource.post("/kinds/<kind>/pause", status=204, problems=(404,))
def pause(kind: str) -> Answer:
    """Start no more jobs of a kind."""
    return _switched(lambda session: control.pause(session, kind, by=_user()))


@resource.post("/kinds/<kind>/resume", status=204, problems=(404,))
def resume(kind: str) -> Answer:
    """Start jobs of a kind again."""
    return _switched(lambda session: control.resume(session, kind))


@resource.get("/schedules", answer=ScheduleList)
def index_schedules() -> ScheduleList:
    """What the clock starts, with its last and next time; the next one first."""
    with db.session() as session:
        found = schedules.states(session)
    shapes = [listing.schedule_shape(each) for each in found]
    return ScheduleList.model_validate({"schedules": shapes})


def _view(job: Job) -> JobView:
    return JobView.model_validate(listing.shape(job))


def _changed(change: Callable[[Session, UUID], Job], id: UUID) -> JobView:
    try:
        with db.session() as session:
            return _view(change(session, id))
    except control.NotFoundError as error:
        raise NotFound(sentence(error)) from None
    except (control.StateError, kinds.UnknownKindError) as error:
        raise Conflict(sentence(error)) from None


def _switched(change: Callable[[Session], object]) -> Answer:
    try:
        with db.session() as session:
            change(session)
    except kinds.UnknownKindError as error:
        raise NotFound(sentence(error)) from None
    return Answer(None)


def _id_of_key() -> UUID | None:
    key = idempotency.key()
    return None if key is None else requests.id_of_key(_user(), key)


def _user() -> str:
    """The e-mail address of the user who asks."""
    return getattr(current_user, "email", "")
