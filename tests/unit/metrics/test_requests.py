"""The series of requests are those of the application's routes, whatever clients send."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest
from flask import Flask

from tests.unit.web.conftest import environment, make_app, signed_in
from timestack.metrics.processes import REGISTRY

__all__ = ["environment", "make_app"]

METHODS = ("GET", "POST", "PUT", "DELETE", "PROPFIND", "BREW")


def series() -> set[tuple]:
    return {
        (sample.name, *sorted(sample.labels.items()))
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase + string.digits, k=12))


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


def test_paths_methods_and_datasets_that_are_made_up_make_no_series(app: Flask) -> None:
    chance = random.Random(7)
    client = signed_in(app)

    def ask(number: int) -> None:
        made_up = word(chance)
        # A method that is not one is another for each request; each place is asked by each method.
        methods = (*METHODS, made_up.upper())
        places = (f"/{made_up}", f"/api/v1/datasets/{made_up}", f"/dash/{made_up}", "/version")
        client.open(places[number % 4], method=methods[number // 4 % 7])

    for number in range(56):
        ask(number)
    before = series()
    for number in range(500):
        ask(number)
    assert series() == before


def test_a_request_is_counted_by_its_route_method_and_status(app: Flask) -> None:
    labels = {"route": "/version", "method": "GET", "status": "2xx"}
    counted = REGISTRY.get_sample_value("timestack_requests_total", labels) or 0
    timed = REGISTRY.get_sample_value("timestack_request_seconds_count", {"route": "/version"}) or 0
    app.test_client().get("/version")
    assert REGISTRY.get_sample_value("timestack_requests_total", labels) == counted + 1
    route = {"route": "/version"}
    assert REGISTRY.get_sample_value("timestack_request_seconds_count", route) == timed + 1


def test_the_application_itself_has_no_metrics_to_show(app: Flask) -> None:
    assert signed_in(app).get("/metrics").status_code == 404
