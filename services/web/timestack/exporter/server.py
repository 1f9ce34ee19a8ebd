"""What the exporter answers: /metrics to Prometheus, /alarms to Alertmanager."""

from __future__ import annotations

import hmac
import logging

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from timestack import db
from timestack.domains.notifications import alarms
from timestack.exporter.readers import READERS
from timestack.exporter.stack import Stack
from timestack.metrics.container import Container
from timestack.settings import Settings
from timestack.validation import sentences

log = logging.getLogger(__name__)

LARGEST = 4 * 1024 * 1024


def create_app(settings: Settings) -> Flask:
    """Return the application; its engine is that of ``db.init``."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    registry = CollectorRegistry()
    registry.register(Container(settings.timestack_commit))
    registry.register(Stack(READERS))
    expected = f"Bearer {settings.alarms_secret.get_secret_value()}".encode()

    @app.get("/health")
    def health() -> ResponseReturnValue:
        return jsonify(status="ok")

    @app.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    @app.post("/alarms")
    def take() -> ResponseReturnValue:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, expected):
            return jsonify(error="the secret is another one"), 401
        try:
            delivery = alarms.Delivery.model_validate_json(request.get_data())
        except ValidationError as error:
            log.warning("alarms that cannot be read: %s", "; ".join(sentences(error, "body")))
            return jsonify(error=sentences(error, "body")), 400
        try:
            with db.session() as session:
                told = alarms.tell(session, delivery)
        except SQLAlchemyError as error:
            # Alertmanager sends it again.
            log.warning("alarms cannot be noted: %s", error)
            return jsonify(error="the database does not answer"), 503
        for each in told:
            log.warning("alarm %s is %s", each.name, each.status)
        return jsonify(told=len(told))

    return app
