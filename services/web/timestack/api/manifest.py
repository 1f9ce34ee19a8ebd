"""The platform's manifest: which version is here, the document, and a job that looks for another.

Reading asks Redis alone, and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response, g, request, url_for
from flask_login import current_user
from werkzeug.exceptions import NotFound, ServiceUnavailable

from timestack.api.operation import Answer, Resource
from timestack.api.types import View
from timestack.domains import jobs
from timestack.domains.platform import manifest
from timestack.domains.platform.manifest import Absent

resource = Resource(
    "manifest", __name__, url_prefix="/manifest", about="What the upstream platform offers."
)


class ManifestView(View):
    """``age_seconds`` counts from ``loaded_at``; the platform confirmed it at ``checked_at``."""

    version: str
    sha256: str
    age_seconds: int
    loaded_at: datetime
    checked_at: datetime | None
    previous: str | None
    titles: int
    kinds: dict[str, int]
    languages: dict[str, int]


class Accepted(View):
    """A job, to be followed at the address in ``Location``."""

    id: UUID
    kind: str
    state: str


@resource.get("", answer=ManifestView, problems=(404,))
def show() -> ManifestView:
    """The current version; 404 before the first one was loaded, 503 without Redis.

    ``previous`` is the version before, which is kept.
    """
    found = manifest.current()
    if isinstance(found, Absent):
        raise _absent(found)
    return ManifestView(
        version=found.built.version,
        sha256=found.built.sha256,
        age_seconds=round(found.age.total_seconds()),
        loaded_at=found.loaded_at,
        checked_at=found.checked_at,
        previous=found.previous,
        titles=found.built.titles,
        kinds=found.built.kinds,
        languages=found.built.languages,
    )


@resource.get("/document", media={"application/json": "The document."}, problems=(404,))
def show_document() -> Response:
    """The document as the platform sent it; its ETag is the SHA-256."""
    found = manifest.document()
    if isinstance(found, Absent):
        raise _absent(found)
    built, text = found
    answer = Response(text, mimetype="application/json")
    answer.set_etag(built.sha256)
    return answer.make_conditional(request)


@resource.post("/refresh", answer=Accepted, status=202)
def refresh() -> Answer:
    """Have a job look for another version: the one that waits or runs already, or a new one."""
    job = jobs.submit(
        "manifest.refresh",
        submitted_by=getattr(current_user, "email", ""),
        request_id=g.get("request_id"),
    )
    location = url_for("api.jobs.show", id=job.id)
    return Answer(Accepted.model_validate(job), headers={"Location": location})


def _absent(why: Absent) -> NotFound | ServiceUnavailable:
    return NotFound(why) if why is Absent.NEVER else ServiceUnavailable(why)
