"""Errors and the request id: one handler for every failure of a request.

The API, and any client that wants JSON, gets a problem document (RFC 9457); a browser gets a page
with our own design. Both name the request id that is in the log beside the traceback, which alone
shows the cause.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import psycopg2
from flask import Flask, Request, Response, current_app, g, json, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
    ServiceUnavailable,
    UnprocessableEntity,
)

from timestack import db, logs
from timestack.words import OUR_FAULT, OUTAGE, READ_ONLY

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
PROBLEM = "application/problem+json"
FORMS = "timestack.problems"
RETRY_AFTER, MOVED_AFTER = 5, 60
MIB = 1024 * 1024
# In characters. The proxy lets 64 KiB of head pass; what is read here is less.
LONGEST_ADDRESS = 8190
LONGEST_HEADER = 16_380
MOST_HEADERS = 100

# The message for a person, by status: a heading and what to do now.
WORDS = {
    400: ("This request cannot be read", "Go back and try again; if a link led here, it is wrong."),
    401: ("Please log in", "This page is for people who are logged in."),
    403: ("You may not see this page", "Your role does not give access to it."),
    404: (
        "There is no such page",
        "The address may be mistyped, or what it named has moved or been deleted.",
    ),
    405: ("This cannot be done here", "The page exists, but does not take this kind of request."),
    413: ("This is too large", "Send less at a time."),
    414: ("This address is too long", "Shorten it: choose less, or open the page again."),
    415: ("This kind of content is not accepted here", "The body must be JSON."),
    429: ("Too many requests", "Wait a moment, then try again."),
    431: (
        "The headers of this request are too large",
        "Delete the cookies of this site and try again.",
    ),
    503: OUTAGE,
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a part of a request: a parameter of its address, or a place in its body.

    ``pointer`` is a JSON pointer (RFC 6901), empty for the whole body; ``line`` is a line of it, or
    where it has none the number of a row, from 1.
    """

    detail: str
    parameter: str | None = None
    pointer: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.line is not None:
            return f"line {self.line}: {self.detail}"
        place = self.parameter or (self.pointer or "").lstrip("/").replace("/", ".") or "body"
        return f"{place}: {self.detail}"


class Invalid(UnprocessableEntity):
    """422 with every fault, which the problem document lists as ``errors`` (RFC 9457, 3.2)."""

    def __init__(self, faults: Sequence[Fault], advice: str = ""):
        self.members = {
            "errors": [
                {name: value for name, value in asdict(fault).items() if value is not None}
                for fault in faults
            ]
        }
        super().__init__(" ".join(filter(None, [*(f"{each}." for each in faults), advice])))


class ExplainingRequest(Request):
    """A request that reports where its body stops being JSON."""

    def get_json(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_json(*args, **kwargs)
        except RecursionError:
            raise BadRequest("The body is nested too deeply to be read.") from None

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        if e is None:
            return super().on_json_loading_failed(e)
        raise BadRequest(f"The body is not JSON: {e}.")


def init_app(app: Flask) -> None:
    """Give every request an id and every failure one format. Register this before anything else."""
    # A handler answers in tests and in debug mode, too: what is tested is what is sent.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.request_class = ExplainingRequest
    app.extensions[FORMS] = {}
    app.before_request(_identify)
    app.before_request(_measure)
    app.after_request(_sign)
    app.teardown_request(_forget)
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(CSRFError, _stale_page)
    for away in (OperationalError, PoolTimeout):
        app.register_error_handler(away, _database_away)
    for refused in (InternalError, psycopg2.InternalError):
        app.register_error_handler(refused, _read_only)


def problem(status: int, detail: str | None = None, **more: Any) -> Response:
    """Return a problem document (RFC 9457); ``more`` are extra members.

    ``request_id`` is always there, ``detail`` only where it says more than the title.
    """
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "instance": request.script_root + request.path,
        "request_id": g.request_id,
        **({"detail": detail} if detail else {}),
        **more,
    }
    for path, form in current_app.extensions[FORMS].items():
        if request.path == path or request.path.startswith(f"{path}/"):
            return Response(json.dumps(form(body)), status=status, content_type="application/json")
    return Response(json.dumps(body), status=status, content_type=PROBLEM)


def answer_below(app: Flask, path: str, form: Callable[[dict[str, Any]], Any]) -> None:
    """Answer failures at a path and below it as what ``form`` makes of a problem document."""
    app.extensions[FORMS][path] = form


def _identify() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if ACCEPTED_ID.fullmatch(given) else uuid4().hex
    logs.request_id.set(g.request_id)


def _measure() -> None:
    """Refuse here, in our own format, what is longer than anything that we read."""
    if len(request.environ.get("REQUEST_URI", "")) > LONGEST_ADDRESS:
        raise RequestURITooLarge
    values = list(request.headers.values())
    if len(values) > MOST_HEADERS or any(len(value) > LONGEST_HEADER for value in values):
        raise RequestHeaderFieldsTooLarge
    larger = largest_body(current_app.config.get("LARGER_BODIES", {}), request.path)
    if larger is not None:
        # Werkzeug refuses the read that finds the end of one as long as its limit.
        request.max_content_length = larger + 1
        if (request.content_length or 0) > larger:
            raise RequestEntityTooLarge(
                f"A body here has {larger // MIB} MiB at most, and this one has"
                f" {request.content_length:,} bytes: send it in parts, or compressed by gzip."
            )
        return
    form = request.mimetype == "application/x-www-form-urlencoded"
    if form and (request.content_length or 0) > current_app.config["MAX_FORM_MEMORY_SIZE"]:
        raise RequestEntityTooLarge


def largest_body(larger: Mapping[str, int], path: str) -> int | None:
    """Return how many bytes a body may have at a path, None where it has no limit of its own.

    ``larger`` has paths, and of one that ends in a slash what is below it.
    """
    below = (size for start, size in larger.items() if start[-1] == "/" and path.startswith(start))
    return larger.get(path) or next(below, None)


def _sign(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    return response


def _forget(_: BaseException | None) -> None:
    # The thread lives on; what it logs between two requests belongs to neither.
    logs.request_id.set(None)


def _database_away(error: Exception) -> Response:
    log.error("the database does not answer: %s", error)
    detail = f"{OUTAGE.heading}. {OUTAGE.advice}" if _wants_problem() else OUTAGE.advice
    return _answer(ServiceUnavailable(detail, retry_after=RETRY_AFTER))


class ReadOnly(ServiceUnavailable):
    """503 while the database is moved: pages are read, and nothing is written."""

    words = READ_ONLY


def _read_only(error: Exception) -> Response:
    if not db.is_read_only(error):
        raise error
    detail = f"{READ_ONLY.heading}. {READ_ONLY.advice}" if _wants_problem() else READ_ONLY.advice
    return _answer(ReadOnly(detail, retry_after=MOVED_AFTER))


def _stale_page(error: CSRFError) -> Response:
    """The CSRF token is missing, wrong or from another log-in: for people, the page is too old."""
    reason = f"{error.description} " if _wants_problem() else ""
    todo = "This page belongs to another log-in or was open too long: reload it and try again."
    return _answer(BadRequest(reason + todo))


def _answer(error: HTTPException) -> Response:
    """Answer with the error's status and headers; an unexpected one was logged by Flask."""
    if error.response is not None:
        return error.response
    # Werkzeug's own descriptions are for developers; those that we raised are for the reader.
    detail = None if error.description == type(error).description else error.description
    if _wants_problem():
        response = problem(error.code, detail, **getattr(error, "members", {}))
    else:
        usual = WORDS.get(error.code, OUR_FAULT if error.code >= 500 else WORDS[400])
        heading, advice = getattr(error, "words", usual)
        page = render_template(
            "error.html", status=error.code, heading=heading, advice=detail or advice
        )
        # JSON can carry half of a character (a lone surrogate) into a message; a page cannot.
        response = Response(page.encode(errors="replace"), error.code, mimetype="text/html")
    # Allow, Retry-After, WWW-Authenticate belong to the status, whatever the body is.
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            response.headers[name] = value
    response.cache_control.no_store = True
    return response


def _wants_problem() -> bool:
    if request.path == "/api" or request.path.startswith("/api/"):
        return True
    return request.accept_mimetypes.best_match(["text/html", PROBLEM, "application/json"]) in (
        PROBLEM,
        "application/json",
    )
