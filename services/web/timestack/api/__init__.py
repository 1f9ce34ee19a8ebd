"""The JSON interface under /api/v1, one file per resource, and InfluxDB's way to write.

Errors are raised as HTTP exceptions and answered as problem+json by ``timestack.errors``.
``operation`` is how an endpoint is written, and ``document`` makes the OpenAPI document of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request, url_for

from timestack import __version__
from timestack.api import (
    alerts,
    candles,
    companies,
    comparison,
    datasets,
    export,
    files,
    forecasts,
    jobs,
    manifest,
    markets,
    operations,
    prices,
    readings,
    sensors,
    series,
    tokens,
    uploads,
    usage,
    write,
    writing,
)
from timestack.api.document import document

RESOURCES = (
    sensors.resource,
    readings.resource,
    datasets.resource,
    series.resource,
    export.resource,
    companies.resource,
    markets.tickers,
    markets.prices,
    candles.resource,
    comparison.resource,
    prices.resource,
    forecasts.resource,
    usage.resource,
    alerts.resource,
    files.resource,
    jobs.resource,
    manifest.resource,
    operations.resource,
    tokens.resource,
    uploads.resource,
)


def init_app(app: Flask, role: Callable[[str, str], str | None]) -> None:
    """Serve the API; ``role`` is the lowest role that may call an endpoint by a method."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    for resource in RESOURCES:
        blueprint.register_blueprint(resource)

    @cache
    def described(root: str) -> dict[str, Any]:
        return document(RESOURCES, version=__version__, address=root, role=role)

    @blueprint.get("/openapi.json")
    def describe() -> Response:
        """The OpenAPI document."""
        answer = jsonify(described(url_for("api.describe").rpartition("/")[0]))
        answer.cache_control.private = True
        answer.cache_control.no_cache = True
        answer.add_etag()
        return answer.make_conditional(request)

    app.register_blueprint(blueprint)
    app.register_blueprint(write.blueprint)
    writing.init_app(app)


__all__ = ["init_app"]
