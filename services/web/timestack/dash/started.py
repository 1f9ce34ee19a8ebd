"""A job that a form starts: what was filled in, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import g
from werkzeug.exceptions import BadRequest

from timestack.dash.choice import require_text
from timestack.domains import jobs
from timestack.domains.jobs import kinds, requests
from timestack.models.jobs import Job

MOST_FIELDS = 50


class FormError(ValueError):
    """The parameters are wrong; ``faults`` has ``name: what is wrong`` for each fault."""

    def __init__(self, faults: Sequence[str]):
        self.faults = list(faults)
        super().__init__("; ".join(faults))


def texts(filled: Any) -> Mapping[str, str]:
    """Return what a form was filled in with; raises BadRequest for what is not a form of ours."""
    if not (
        isinstance(filled, Mapping)
        and len(filled) <= MOST_FIELDS
        and all(isinstance(each, str) for each in filled.values())
    ):
        raise BadRequest(f"A form is an object of {MOST_FIELDS} texts at most.")
    return filled


def submit(kind: str, params: Mapping[str, Any], id: UUID) -> Job:
    """Return the job that the user starts; ``id`` makes two clicks one. Raises FormError."""
    try:
        return jobs.submit(
            kind,
            params,
            id=id,
            submitted_by=g.user.email,
            request_id=g.get("request_id"),
        )
    except requests.ParamsError as error:
        raise FormError(error.faults) from None
    except (requests.ConflictError, requests.TooLargeError, kinds.UnknownKindError) as error:
        raise FormError([str(error)]) from None


def job_id(given: Any) -> UUID:
    """Return the id that a browser sent; raises BadRequest for anything else."""
    require_text(given)
    try:
        return UUID(given)
    except ValueError:
        raise BadRequest("A job is named by its id.") from None
