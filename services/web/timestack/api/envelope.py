"""The envelope: what companies and their finances are answered in, failures too.

``{"status": 200, "success": true, "message": "…", "contentType": "…", "content": …}``. Its status
is that of HTTP; the content of a failure is its problem document.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from flask.blueprints import BlueprintSetupState
from pydantic import Field

from timestack import errors
from timestack.api.document import Problem
from timestack.api.operation import JSON, Resource
from timestack.api.types import View

Content = TypeVar("Content")


class Envelope(View, Generic[Content]):
    """What is answered, and what it is."""

    status: int
    success: bool
    message: str
    content_type: str = Field(serialization_alias="contentType")
    content: Content


class Refusal(Envelope[Problem]):
    """Why a request was refused, in the same form."""

    success: Literal[False]
    content_type: Literal["application/problem+json"] = Field(serialization_alias="contentType")


class EnvelopedResource(Resource):
    """A resource all of whose answers are envelopes, whatever goes wrong below its path."""

    refusal = (JSON, Refusal)

    def __init__(self, name: str, import_name: str, **declared: Any):
        super().__init__(name, import_name, **declared)
        self.record(_answer_in_envelopes)


def good(model: type[Envelope], content: Any, message: str, status: int = 200) -> Envelope:
    """Return the envelope of what was done."""
    return model(status=status, success=True, message=message, content_type=JSON, content=content)


def _answer_in_envelopes(state: BlueprintSetupState) -> None:
    errors.answer_below(state.app, state.url_prefix, _refused)


def _refused(problem: dict[str, Any]) -> dict[str, Any]:
    status = problem["status"]
    return {
        "status": status,
        "success": False,
        "message": problem.get("detail") or HTTPStatus(status).phrase,
        "contentType": errors.PROBLEM,
        "content": problem,
    }
