"""The OpenAPI 3.1 document, made of what the resources declare.

Ref: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from openapi_pydantic import (
    Components,
    Info,
    MediaType,
    OpenAPI,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from openapi_pydantic import Operation as Described
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel, ConfigDict, Field

from timestack.api import idempotency
from timestack.api.operation import JSON, Operation, Resource
from timestack.api.types import View
from timestack.errors import PROBLEM

# A variable of a rule: <uuid:id>, <id>.
VARIABLE = re.compile(r"<(?:(?P<type>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
VARIABLES = {
    None: {"type": "string", "minLength": 1},
    "string": {"type": "string", "minLength": 1},
    "int": {"type": "integer", "minimum": 0},
    "uuid": {"type": "string", "format": "uuid"},
}
# What each says, its schema, and whether a request must have it.
HEADERS = {
    "Idempotency-Key": (
        "A word of your choice: the same request may be sent again under it, and is done once.",
        {"type": "string", "pattern": f"^{idempotency.KEY}$"},
        False,
    ),
    "If-Match": (
        "The ETag of a GET: nothing is changed when it is another now.",
        {"type": "string", "minLength": 1},
        False,
    ),
    "Upload-Offset": (
        "Where in the file the bytes begin: how many of it are there already.",
        {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**18},
        True,
    ),
}
# What each operation may answer besides what it declares.
EVERYWHERE = (401, 403, 422, 429, 503)
ABOUT = """\
Read what the stack holds, write readings, start jobs. Log in with a session, as the pages do, or
send a token as `Authorization: Bearer …`. Times are RFC 3339 with a zone, and answered in UTC. A
failure is a problem document (RFC 9457) with the request's id; `errors` names each faulty parameter
or place in the body."""


class FaultView(View):
    """One fault of a request."""

    model_config = ConfigDict(json_schema_mode="validation")

    detail: str
    parameter: str | None = None
    pointer: str | None = None
    line: int | None = None


class Problem(View):
    """Why a request was refused (RFC 9457)."""

    # `detail` and `errors` are not in every one.
    model_config = ConfigDict(json_schema_mode="validation")

    type: str
    title: str
    status: int
    instance: str
    request_id: str
    detail: str | None = None
    errors: list[FaultView] = Field(default_factory=list)


def document(
    resources: Sequence[Resource],
    *,
    version: str,
    address: str,
    role: Callable[[str, str], str | None],
) -> dict[str, Any]:
    """Return the document as JSON's types.

    ``address`` is the URL of the API's root, and ``role`` gives the lowest role that may call an
    endpoint by a method, None for everybody.
    """
    paths: dict[str, PathItem] = {}
    for resource in resources:
        for operation in resource.operations:
            path = VARIABLE.sub(r"{\g<name>}", resource.url_prefix + operation.rule)
            needed = role(f"api.{resource.name}.{operation.name}", operation.method)
            item = paths.setdefault(path, PathItem())
            setattr(item, operation.method.lower(), _described(resource, operation, needed))
    made = OpenAPI(
        openapi="3.1.0",
        info=Info(title="Timestack", version=version, description=ABOUT),
        servers=[Server(url=address)],
        tags=[Tag(name=each.name, description=each.about) for each in resources],
        paths=paths,
        components=Components(
            securitySchemes={
                "token": SecurityScheme(type="http", scheme="bearer"),
            }
        ),
    )
    whole = construct_open_api_with_schema_class(made)
    return _exact(whole.model_dump(mode="json", by_alias=True, exclude_none=True))


def _exact(part: Any) -> Any:
    """The same with integers as such, and texts in Markdown.

    openapi-pydantic makes every bound a float, and docstrings have code in two backticks.
    """
    if isinstance(part, str):
        return part.replace("``", "`")
    if isinstance(part, dict):
        return {name: _exact(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_exact(value) for value in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part


def _described(resource: Resource, operation: Operation, role: str | None) -> Described:
    summary, _, more = operation.about.partition("\n\n")
    needs = f"Needs the role {role}." if role else "Open to everybody."
    described = {
        "operationId": f"{resource.name}.{operation.name}",
        "tags": [resource.name],
        # It is not Markdown.
        "summary": " ".join(summary.replace("`", "").split()),
        "description": f"{more.strip()}\n\n{needs}".strip(),
        # The roles are what OpenAPI 3.1 lets stand for scopes.
        "security": [{"token": [role]}] if role else [],
        "parameters": list(_parameters(resource, operation)),
        "requestBody": _body(operation),
        "responses": _responses(resource, operation),
    }
    # What is set to None would be a null in the document.
    return Described(**{name: value for name, value in described.items() if value is not None})


def _parameters(resource: Resource, operation: Operation) -> Iterator[Parameter]:
    for found in VARIABLE.finditer(resource.url_prefix + operation.rule):
        yield Parameter(
            name=found["name"],
            param_in="path",
            required=True,
            param_schema=Schema.model_validate(
                {**VARIABLES[found["type"]], **operation.bounds.get(found["name"], {})}
            ),
        )
    for name in operation.headers:
        about, schema, required = HEADERS[name]
        yield Parameter(
            name=name,
            param_in="header",
            description=about,
            required=required,
            param_schema=Schema.model_validate(schema),
        )
    if operation.query is None:
        return
    schema = operation.query.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, shape in schema["properties"].items():
        shown = _without_null(shape)
        about = shown.pop("description", None)
        yield Parameter(
            name=name,
            param_in="query",
            required=name in schema.get("required", ()),
            param_schema=Schema.model_validate(shown),
            **({"description": about} if about else {}),
        )


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out cannot be null: an address has no such thing."""
    several = [each for each in shape.get("anyOf", ()) if each.get("type") != "null"]
    rest = {name: value for name, value in shape.items() if name != "anyOf"}
    if rest.get("default", 0) is None:
        del rest["default"]
    if len(several) == 1:
        return {**several[0], **rest}
    return {**rest, "anyOf": several} if several else rest


def _body(operation: Operation) -> RequestBody | None:
    content = {
        type: MediaType(
            media_type_schema=_shape(type), example=_parsed(type, example) if example else None
        )
        for type, example in operation.takes.items()
    }
    if operation.body:
        content[JSON] = _of(operation.body)
    return RequestBody(required=True, content=content) if content else None


def _responses(resource: Resource, operation: Operation) -> dict[str, Response | Reference]:
    content = {
        type: MediaType(media_type_schema=_shape(type, description=about))
        for type, about in operation.media.items()
    }
    if operation.answer:
        content[JSON] = _of(operation.answer)
    found: dict[str, Response | Reference] = {
        str(status): Response(
            description=HTTPStatus(status).phrase, **({"content": content} if content else {})
        )
        for status in (operation.status, *operation.or_status)
    }
    if operation.method == "GET" and operation.answer:
        found["304"] = Response(description="Not changed since the ETag of If-None-Match.")
    refused, why = resource.refusal or (PROBLEM, Problem)
    also = {413, 415, 400} if operation.body or operation.takes else set()
    for status in sorted({*EVERYWHERE, *operation.problems, *also}):
        found[str(status)] = Response(
            description=HTTPStatus(status).phrase, content={refused: _of(why)}
        )
    return found


def _shape(type: str, **more: Any) -> Schema:
    """What can be said of a body without a model: JSON of any kind, or bytes."""
    return Schema(**more) if type == JSON else Schema(type="string", **more)


def _parsed(type: str, example: str) -> Any:
    return json.loads(example) if type == JSON else example


def _of(model: type[BaseModel]) -> MediaType:
    return MediaType(media_type_schema=PydanticSchema(schema_class=model))
