"""Refusing requests that no page of ours sends, which Dash itself would answer with a 500, and
those of users who may not open the page.

Dash trusts the shape of a callback's body, and that its files are asked for by their names.
Values are not judged here: what a value may be, each callback knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash.exceptions import DependencyException
from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from timestack.domains import users

if TYPE_CHECKING:
    from timestack.dash.shell import Shell

REFUSED = "This request is not one that a page of Timestack sends: reload the page."


def may(user: Any, role: str) -> bool:
    """Whether a user, None for a stranger, has a role or one above it."""
    return users.refusal(user, role) is None


def require(role: str) -> None:
    """Raise Forbidden unless the user of this request has a role or one above it."""
    if fault := users.refusal(g.user, role):
        raise Forbidden(fault)


def init_app(app: Flask, dash: Shell) -> None:
    """Check the body of every request to the callbacks of ``dash``, and miss files that are not."""
    path = f"{dash.config.routes_pathname_prefix}_dash-update-component"

    @app.before_request
    def check() -> None:
        if request.path == path and request.method == "POST":
            output = _check(request.get_json(), dash.callback_map)
            require(dash.roles.get(output, "viewer"))

    @app.errorhandler(DependencyException)
    def missing(_: DependencyException) -> ResponseReturnValue:
        # Its message lists every file there is, which the reader is not to see.
        return app.handle_user_exception(NotFound())


def _check(body: Any, callbacks: dict[str, dict]) -> str:
    """Return which callback a body calls; raises BadRequest unless with exactly its arguments."""
    output = body.get("output") if isinstance(body, dict) else None
    callback = callbacks.get(output) if isinstance(output, str) else None
    if callback is None:
        raise BadRequest(REFUSED)
    outputs = callback["output"]
    matching = (
        _named(body.get("inputs", [])) == _named(callback["inputs"])
        and _named(body.get("state", [])) == _named(callback["state"])
        and _named(body.get("outputs"))
        == [(o.component_id, o.component_property) for o in _many(outputs)]
        and isinstance(outputs, list) == isinstance(body.get("outputs"), list)
        and _texts(body.get("changedPropIds", []))
    )
    if not matching:
        raise BadRequest(REFUSED)
    return output


def _named(items: Any) -> list[tuple] | None:
    """The (id, property) of each item; None where an item is not of that shape."""
    items = _many(items)
    if not all(isinstance(item, dict) and {"id", "property"} <= item.keys() for item in items):
        return None
    return [(item["id"], item["property"]) for item in items]


def _many(given: Any) -> list:
    return list(given) if isinstance(given, list | tuple) else [given]


def _texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) for each in given)
