"""Faults to order: how an endpoint fails until the next order.

``POST /api/faults`` with ``{"manifest": "500"}`` changes what it names and leaves the rest; null
repairs. Endpoints: ``manifest`` (the version), ``document`` (the download), ``accounts``,
``usage``, ``companies``, ``prices``, ``hooks``. Instead of a kind, an object limits the fault:

=============== ================================================================================
``kind``        one of those below
``after``       so many requests are answered well before it begins; 0 by default
``times``       so many requests it lasts; until the next order by default
``account``     only requests for this account's usage meet it and count
``seconds``     how long ``slow`` takes; 1 by default, 60 at most
``retry_after`` the text of the header that ``429`` and ``503`` carry; "1" by default, "" for none
=============== ================================================================================

=============== ================================================================================
``500``         an error of the server
``503``         the same, which says when to come again
``429``         too many requests: when to come again is in ``Retry-After``
``401``         the token is not accepted, as if it had ended
``redirect``    302 to ``/api/elsewhere`` on another host, the token in its query
``html``        200 with a log-in page
``nonsense``    200 with JSON of another shape
``empty``       200 with nothing
``cut``         200 with half of the body
``half``        200 with half of the bytes that were announced; then the connection ends
``altered``     200 with JSON of which the SHA-256 is another
``huge``        200 with JSON that does not end, 64 MB at most
``slow``        a good answer after ``seconds``
``silent``      no byte until the client leaves, 60 s at most
``drip``        a good answer, one byte per second, 60 bytes at most
=============== ================================================================================
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import wraps
from threading import Lock
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue

ENDPOINTS = ("manifest", "document", "accounts", "usage", "companies", "prices", "hooks")
PATIENCE = 60
LIMITS = {"after": 10_000, "times": 10_000, "seconds": PATIENCE}
BLOCK = b"a" * 65536
BLOCKS = 1024
PAGE = (
    "<!doctype html><title>Log in (simulated)</title>"
    "<h1>Log in</h1><p>success</p><form><input name=token value=abc></form>"
)

blueprint = Blueprint("faults", __name__)


@dataclass
class Fault:
    """One order; the fields are those of the module's first table."""

    kind: str
    after: int = 0
    times: int | None = None
    account: str | None = None
    seconds: int = 1
    retry_after: str = "1"

    @classmethod
    def ordered(cls, order: object) -> Fault | None:
        """Return what a member of the order asks for; raise ValueError with what is wrong."""
        if order is None:
            return None
        given = {"kind": order} if isinstance(order, str) else order
        if not isinstance(given, dict) or not set(given) <= set(cls.__dataclass_fields__):
            raise ValueError(f"a fault has {', '.join(cls.__dataclass_fields__)}")
        if given.get("kind") not in KINDS:
            raise ValueError(f"a fault is one of {', '.join(KINDS)} or null")
        fault = cls(**given)
        limited = {"after": fault.after, "seconds": fault.seconds, "times": fault.times}
        if fault.times is None:
            del limited["times"]
        for name, number in limited.items():
            if type(number) is not int or not (name == "times") <= number <= LIMITS[name]:
                raise ValueError(f"{name} is a whole number, at most {LIMITS[name]}")
        if not isinstance(fault.account, str | None) or not isinstance(fault.retry_after, str):
            raise ValueError("account and retry_after are texts")
        return fault


class Faults:
    """What is ordered for each endpoint, counted down by the threads that answer."""

    def __init__(self) -> None:
        self._ordered: dict[str, Fault | None] = dict.fromkeys(ENDPOINTS)
        self._lock = Lock()

    def order(self, faults: dict[str, Fault | None]) -> None:
        """Change what is named."""
        with self._lock:
            self._ordered.update(faults)

    def shown(self) -> dict[str, dict | None]:
        """Return every endpoint with what is left of its order."""
        with self._lock:
            return {name: asdict(each) if each else None for name, each in self._ordered.items()}

    def met(self, endpoint: str, account: str | None) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        with self._lock:
            fault = self._ordered[endpoint]
            if fault is None or fault.account not in (None, account):
                return None
            if fault.after:
                fault.after -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._ordered[endpoint] = None
            return fault


def may_fail(endpoint: str) -> Callable:
    """Make a view fail in the way that was ordered for ``endpoint``; below the route."""

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        @wraps(view)
        def answer(**values: str) -> ResponseReturnValue:
            def good() -> Response:
                return make_response(view(**values))

            faults: Faults = current_app.extensions["faults"]
            fault = faults.met(endpoint, request.args.get("account"))
            return KINDS[fault.kind](fault, good) if fault else good()

        return answer

    return decorate


# What a log-in that fails gives as well


def page() -> Response:
    """Return what a log-in page instead of an answer looks like."""
    return Response(PAGE, mimetype="text/html")


def cut(response: Response) -> Response:
    """Return a response with half of its body."""
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    return response


def endless() -> Response:
    """Return JSON of which one text does not end."""

    def blocks() -> Iterator[bytes]:
        yield b'{"token": "'
        for _ in range(BLOCKS):
            yield BLOCK

    return Response(blocks(), mimetype="application/json")


def dripping(response: Response) -> Response:
    """Return a response that comes one byte per second, until the client leaves."""
    body = response.get_data()[:PATIENCE]
    connection = request.environ["werkzeug.socket"]

    def drops() -> Iterator[bytes]:
        for byte in body:
            yield bytes([byte])
            if left(connection, 1):
                return

    return Response(drops(), mimetype=response.mimetype)


def silence() -> Response:
    """Answer nothing until the client leaves."""
    left(request.environ["werkzeug.socket"], PATIENCE)
    return abort(504, "A time-out was ordered.")


def left(connection: socket.socket, seconds: float) -> bool:
    """Wait until the client has closed its side, ``seconds`` at most; return whether it has."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


# The kinds


def _refuse(fault: Fault, _good: Callable[[], Response]) -> Response:
    response = jsonify(error=f"The status {fault.kind} was ordered.")
    response.status_code = int(fault.kind)
    if fault.kind in ("429", "503") and fault.retry_after:
        response.headers["Retry-After"] = fault.retry_after
    return response


def _expired(_fault: Fault, _good: Callable[[], Response]) -> Response:
    return abort(401, "The token has ended.")


def _redirect(_fault: Fault, _good: Callable[[], Response]) -> Response:
    asked = urlsplit(request.host_url)
    host = "localhost" if asked.hostname != "localhost" else "127.0.0.1"
    port = f":{asked.port}" if asked.port else ""
    token = quote(request.headers.get("Authorization", ""))
    response = jsonify(error="Elsewhere.")
    response.status_code = 302
    response.headers["Location"] = f"http://{host}{port}/api/elsewhere?token={token}"
    return response


def _nonsense(_fault: Fault, _good: Callable[[], Response]) -> Response:
    return jsonify([{"nonsense": True, "version": 7}])


def _empty(_fault: Fault, good: Callable[[], Response]) -> Response:
    response = good()
    response.set_data(b"")
    return response


def _half(_fault: Fault, good: Callable[[], Response]) -> Response:
    answer = good()
    whole = answer.get_data()
    response = Response(iter([whole[: len(whole) // 2]]), mimetype=answer.mimetype)
    response.headers["Content-Length"] = str(len(whole))
    return response


def _altered(_fault: Fault, good: Callable[[], Response]) -> Response:
    response = good()
    response.set_data(response.get_data() + b"\n")
    return response


def _slow(fault: Fault, good: Callable[[], Response]) -> Response:
    left(request.environ["werkzeug.socket"], fault.seconds)
    return good()


KINDS: dict[str, Callable[[Fault, Callable[[], Response]], Response]] = {
    "500": _refuse,
    "503": _refuse,
    "429": _refuse,
    "401": _expired,
    "redirect": _redirect,
    "html": lambda _fault, _good: page(),
    "nonsense": _nonsense,
    "empty": _empty,
    "cut": lambda _fault, good: cut(good()),
    "half": _half,
    "altered": _altered,
    "huge": lambda _fault, _good: endless(),
    "slow": _slow,
    "silent": lambda _fault, _good: silence(),
    "drip": lambda _fault, good: dripping(good()),
}


@blueprint.get("/api/faults")
def shown() -> Response:
    """Answer how each endpoint fails now; null where it does not."""
    return jsonify(current_app.extensions["faults"].shown())


@blueprint.post("/api/faults")
def order() -> Response:
    """Change the faults and answer with all of them; 400 changes nothing."""
    wanted = request.get_json()
    if not isinstance(wanted, dict) or not set(wanted) <= set(ENDPOINTS):
        abort(400, f"Send an object with any of {', '.join(ENDPOINTS)}.")
    try:
        faults = {endpoint: Fault.ordered(order) for endpoint, order in wanted.items()}
    except ValueError as error:
        abort(400, f"Nothing was ordered: {error}.")
    current_app.extensions["faults"].order(faults)
    return shown()
