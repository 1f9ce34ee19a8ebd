"""The web's requests, by route, and its pool of connections.

A label is never what a client wrote: a route is its template, and what the application does not
know is one of NONE and OTHER. So the number of series is that of the application's routes.
"""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Engine

from timestack.metrics.processes import REGISTRY

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
NONE, OTHER = "none", "other"
# Seconds. An export and a long poll count until their answer begins.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "timestack_requests",
    "Requests that were answered, by the route's template.",
    ("route", "method", "status"),
    registry=REGISTRY,
)
SECONDS = Histogram(
    "timestack_request_seconds",
    "Seconds from a thread's taking a request to the beginning of its answer.",
    ("route",),
    buckets=BUCKETS,
    registry=REGISTRY,
)


def _now(name: str, text: str) -> Gauge:
    """A gauge of each process; those that live are added up."""
    return Gauge(name, text, multiprocess_mode="livesum", registry=REGISTRY)


POOL_SIZE = _now("timestack_pool_size", "Connections to the database that are kept, at most.")
POOL_USED = _now("timestack_pool_in_use", "Connections to the database that a thread holds.")
POOL_OVER = _now("timestack_pool_overflow", "Connections to the database beyond those kept.")
WAITING = _now("timestack_requests_waiting", "Requests that wait for a thread.")


def init_app(app: Flask) -> None:
    """Count the requests of an application; call it before any other hook is registered."""
    app.before_request(_begin)
    # The first that is registered runs last.
    app.after_request(_count)


def _begin() -> None:
    g.began = time.perf_counter()


def _count(answer: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else NONE
    method = request.method if request.method in METHODS else OTHER
    REQUESTS.labels(route, method, f"{answer.status_code // 100}xx").inc()
    SECONDS.labels(route).observe(time.perf_counter() - g.began)
    return answer


def sample(engine: Engine, waiting: int) -> None:
    """Note how the pool of this process is now, and how many of its requests wait."""
    pool = engine.pool
    for gauge, value in (
        (POOL_SIZE, pool.size()),
        (POOL_USED, pool.checkedout()),
        (POOL_OVER, max(0, pool.overflow())),
        (WAITING, waiting),
    ):
        gauge.set(value)
