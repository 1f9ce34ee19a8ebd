"""The platform's manifest: which version is here, the document, and a job that looks for another.

Reading asks Redis alone, and changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask_login import current_user
from werkzeug.exceptions import NotFound, ServiceUnavailable

from timestack.domains import jobs
from timestack.domains.platform import manifest
from timestack.domains.platform.manifest import Absent

blueprint = Blueprint("manifest", __name__, url_prefix="/manifest")


@blueprint.get("")
def show() -> Response:
    """The current version; 404 before the first one was loaded, 503 without Redis.

    ``age_seconds`` counts from ``loaded_at``; ``checked_at`` is when the platform last confirmed
    the version, and ``previous`` the one before, which is kept.
    """
    found = manifest.current()
    if isinstance(found, Absent):
        raise _absent(found)
    return jsonify(
        version=found.built.version,
        sha256=found.built.sha256,
        age_seconds=round(found.age.total_seconds()),
        loaded_at=_utc(found.loaded_at),
        checked_at=_utc(found.checked_at),
        previous=found.previous,
        titles=found.built.titles,
        kinds=found.built.kinds,
        languages=found.built.languages,
    )


@blueprint.get("/document")
def show_document() -> Response:
    """The document as the platform sent it; its ETag is the SHA-256. 304, 404 or 503."""
    found = manifest.document()
    if isinstance(found, Absent):
        raise _absent(found)
    built, text = found
    answer = Response(text, mimetype="application/json")
    answer.set_etag(built.sha256)
    return answer.make_conditional(request)


@blueprint.post("/refresh")
def refresh() -> tuple[Response, int, dict[str, str]]:
    """Have a job look for another version: 202 with the job, the one that waits or runs already."""
    job = jobs.submit(
        "manifest.refresh",
        submitted_by=getattr(current_user, "email", ""),
        request_id=g.get("request_id"),
    )
    location = url_for("api.jobs.show", id=job.id)
    return jsonify(id=str(job.id), kind=job.kind, state=job.state), 202, {"Location": location}


def _absent(why: Absent) -> NotFound | ServiceUnavailable:
    return NotFound(why) if why is Absent.NEVER else ServiceUnavailable(why)


def _utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
