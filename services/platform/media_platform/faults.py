"""Faults to order: how an endpoint fails until the next order.

``POST /api/faults`` with ``{"manifest": "500"}`` changes what it names and leaves the rest; null
repairs. Endpoints: ``manifest`` (the version), ``document`` (the download), ``usage``,
``companies``. Kinds: ``500``; ``html``, a page with status 200; ``cut``, half of the JSON;
``altered``, JSON of which the SHA-256 is another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue

ENDPOINTS = ("manifest", "document", "usage", "companies")
KINDS = ("500", "html", "cut", "altered")
PAGE = (
    "<!doctype html><title>Log in (simulated)</title>"
    "<h1>Log in</h1><p>success</p><form><input name=token value=abc></form>"
)

blueprint = Blueprint("faults", __name__)


def may_fail(endpoint: str) -> Callable:
    """Make a view fail in the way that was ordered for ``endpoint``; below the route."""

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., Response]:
        @wraps(view)
        def answer(**values: str) -> Response:
            kind = current_app.extensions["faults"].get(endpoint)
            if kind == "500":
                abort(500, "A fault was ordered.")
            if kind == "html":
                return page()
            return spoilt(make_response(view(**values)), kind)

        return answer

    return decorate


def page() -> Response:
    """Return what a log-in page instead of an answer looks like."""
    return Response(PAGE, mimetype="text/html")


def spoilt(response: Response, kind: str | None) -> Response:
    """Return ``response`` with its body ``cut`` or ``altered``; None leaves it as it is."""
    body = response.get_data()
    if kind == "cut":
        response.set_data(body[: len(body) // 2])
    elif kind == "altered":
        response.set_data(body + b"\n")
    return response


@blueprint.get("/api/faults")
def shown() -> Response:
    """Answer how each endpoint fails now; null where it does not."""
    ordered = current_app.extensions["faults"]
    return jsonify({endpoint: ordered.get(endpoint) for endpoint in ENDPOINTS})


@blueprint.post("/api/faults")
def order() -> Response:
    """Change the faults and answer with all of them; 400 changes nothing."""
    wanted = request.get_json()
    if not isinstance(wanted, dict) or not set(wanted) <= set(ENDPOINTS):
        abort(400, f"Send an object with any of {', '.join(ENDPOINTS)}.")
    if any(kind is not None and kind not in KINDS for kind in wanted.values()):
        abort(400, f"A fault is one of {', '.join(KINDS)} or null.")
    current_app.extensions["faults"].update(wanted)
    return shown()
