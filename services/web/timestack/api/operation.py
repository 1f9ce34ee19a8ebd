"""How an endpoint of the API is written: what it takes and answers are pydantic models.

A ``Resource`` is a blueprint that reads the query string and the body into models before its views
are called, and answers with the models that they return. The same declarations make the OpenAPI
document (document.py), so that it cannot differ from what is done.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from timestack.api.types import Query
from timestack.errors import Fault, Invalid
from timestack.validation import message

JSON = "application/json"
# Python takes long over longer ones, and no column holds them.
MOST_DIGITS = 400

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Answer:
    """What a view answers where a model alone does not say it all.

    ``max_age`` are the seconds for which a client may use the answer without asking again.
    """

    content: BaseModel | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    max_age: int = 0


@dataclass(frozen=True)
class Operation:
    """One endpoint as it was declared; ``media`` are the types that a stream answers with."""

    name: str
    method: str
    rule: str
    about: str
    # Variable of the path -> bounds that the view checks, as JSON schema has them.
    bounds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    # How the body is read, where it may come otherwise than as JSON.
    reads: Callable[[type[BaseModel]], BaseModel] | None = None
    # Headers of the request that the view reads: those that document.py describes.
    headers: Sequence[str] = ()
    # Media type -> what it holds, of a body that is not JSON.
    takes: Mapping[str, str] = field(default_factory=dict)
    answer: type[BaseModel] | None = None
    media: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    # Statuses that the same answer may have instead.
    or_status: Sequence[int] = ()
    problems: Sequence[int] = ()


class Resource(Blueprint):
    """A blueprint whose views are declared with what they take and answer."""

    # The media type and the model of its failures, where they are no plain problem documents.
    refusal: tuple[str, type[BaseModel]] | None = None

    def __init__(self, name: str, import_name: str, *, about: str, url_prefix: str = ""):
        super().__init__(name, import_name, url_prefix=url_prefix)
        self.about = about
        self.operations: list[Operation] = []

    def get(self, rule: str, **declared: Any) -> Callable:
        """A view that reads: ``query``, ``answer`` or ``media``, ``problems``."""
        return self._operation("GET", rule, declared)

    def post(self, rule: str, **declared: Any) -> Callable:
        """A view that adds or starts: ``query``, ``body``, ``answer``, ``status``, ``problems``."""
        return self._operation("POST", rule, declared)

    def put(self, rule: str, **declared: Any) -> Callable:
        """A view that sets, as ``post``."""
        return self._operation("PUT", rule, declared)

    def patch(self, rule: str, **declared: Any) -> Callable:
        """A view that changes, as ``post``."""
        return self._operation("PATCH", rule, declared)

    def delete(self, rule: str, **declared: Any) -> Callable:
        """A view that deletes, as ``post``."""
        return self._operation("DELETE", rule, declared)

    def _operation(self, method: str, rule: str, declared: dict[str, Any]) -> Callable:
        def declare(view: Callable) -> Callable:
            name, about = view.__name__, inspect.getdoc(view) or ""
            operation = Operation(name, method, rule, about, **declared)
            self.operations.append(operation)
            self.add_url_rule(rule, name, _called(view, operation), methods=[method])
            return view

        return declare


def _called(view: Callable, operation: Operation) -> Callable[..., Response]:
    @wraps(view)
    def call(**given: Any) -> Response:
        # The database has no text with it, and its driver refuses to ask.
        if any("\0" in value for value in given.values() if isinstance(value, str)):
            raise NotFound("Nothing has a name with the character NUL.")
        # Where nothing is declared, a parameter is still one that nothing reads.
        query = read_query(operation.query or Query)
        if operation.query:
            given["query"] = query
        if operation.body:
            given["body"] = (operation.reads or read_body)(operation.body)
        answer = view(**given)
        if isinstance(answer, Response):
            return answer
        return _response(answer if isinstance(answer, Answer) else Answer(answer), operation)

    return call


def _response(answer: Answer, operation: Operation) -> Response:
    text = _text(answer.content)
    status = answer.status or operation.status
    response = Response(text, status, headers=dict(answer.headers), content_type=JSON)
    if answer.content is None:
        del response.headers["Content-Type"]
    return conditional(response, answer.max_age) if operation.method == "GET" else response


def conditional(response: Response, max_age: int = 0) -> Response:
    """Let a client keep an answer and ask whether it is still the same: then it is 304, and empty.

    It is to ask each time, unless the answer holds for ``max_age`` seconds.
    """
    response.cache_control.private = True
    if max_age:
        response.cache_control.max_age = max_age
    else:
        response.cache_control.no_cache = True
    if "ETag" not in response.headers:
        response.set_etag(_digest(response.get_data()))
    return response.make_conditional(request)


def etag(content: BaseModel | None) -> str:
    """Return the ETag of an answer, without the quotes."""
    return _digest(_text(content).encode())


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _text(content: BaseModel | None) -> str:
    return "" if content is None else content.model_dump_json(by_alias=True)


def read_query(model: type[Model]) -> Model:
    """Return the parameters of the address; raises Invalid with every fault."""
    given = request.args.to_dict(flat=False)
    # By their names in an address.
    several = {
        shown.alias or name
        for name, shown in model.model_fields.items()
        if getattr(shown.annotation, "__origin__", None) is list
    }
    if model.model_config.get("extra") == "allow":
        # What a model takes beyond its fields, each of these may come several times.
        several |= set(given) - {shown.alias or name for name, shown in model.model_fields.items()}
    twice = sorted(name for name, values in given.items() if len(values) > 1)
    faults = [Fault("is given twice", parameter=name) for name in twice if name not in several]
    if faults:
        raise Invalid(faults)
    values = {name: values if name in several else values[0] for name, values in given.items()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        known = ", ".join(shown.alias or name for name, shown in model.model_fields.items())
        raise Invalid(
            [
                Fault(
                    _said(each, "parameter"), parameter=str(each["loc"][0]) if each["loc"] else None
                )
                for each in _errors(error)
            ],
            f"Parameters are {known}." if known else "It takes no parameters.",
        ) from None


def read_body(model: type[Model]) -> Model:
    """Return the JSON body.

    Raises UnsupportedMediaType for another type, BadRequest for what is not JSON, and Invalid with
    every fault.
    """
    if not request.is_json:
        raise UnsupportedMediaType(f"Send the body as {JSON}.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    text = request.get_data()
    _check_json(text)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        raise Invalid(
            [
                Fault(_said(each, "member"), pointer=_pointer(each["loc"]))
                for each in _errors(error)
            ],
            f"Members are {known}." if known else "",
        ) from None


def _check_json(text: bytes) -> None:
    """Refuse what pydantic would read in a way of its own: members given twice, NaN, surrogates."""
    try:
        json.loads(
            text.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole
        )
    except RecursionError:
        raise BadRequest("The body is nested too deeply to be read.") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start + 1}.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} is given twice in one object")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long")
    return int(digits)


def _pointer(place: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in place)


def _errors(error: ValidationError) -> list[dict[str, Any]]:
    return error.errors(include_input=False, include_url=False, include_context=False)


def _said(error: dict[str, Any], what: str) -> str:
    if error["type"] == "extra_forbidden":
        return f"is not a {what} here"
    return message(error)
