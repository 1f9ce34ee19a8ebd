"""Webhooks as a chat server has them: an address with a token in it takes JSON with a text.

Any token in the address is accepted, since it is not a secret of ours; none is logged or shown.
"""

from __future__ import annotations

from collections import deque

from flask import Blueprint, Response, abort, current_app, jsonify, request

from media_platform.faults import may_fail

KEPT = 1000
PREFIX = "/hooks/"

blueprint = Blueprint("hooks", __name__)


def messages() -> deque[str]:
    """Return the last KEPT texts, oldest first."""
    return current_app.extensions["hooks"]


@blueprint.post(f"{PREFIX}<path:token>")
@may_fail("hooks")
def take(token: str) -> Response:
    """Keep a text and answer ``ok``, as Slack does; 400 for anything else."""
    given = request.get_json()
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        abort(400, 'Send an object like {"text": "Hello"}.')
    messages().append(given["text"])
    return Response("ok", mimetype="text/plain")


@blueprint.get("/hooks")
def shown() -> Response:
    """Answer with the texts, newest last."""
    return jsonify(list(messages()))


@blueprint.delete("/hooks")
def forget() -> tuple[str, int]:
    """Forget all texts."""
    messages().clear()
    return "", 204
