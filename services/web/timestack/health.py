"""``/health/live``, ``/health/ready``, ``/auth/serving`` and ``/version``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Lock

from flask import Blueprint, Flask, Response, current_app, jsonify
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from timestack import __version__, db, serving
from timestack.settings import Settings

log = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__)

# Below /auth/ is what the proxy alone may ask.
LIVE, READY, SERVING = PROBES = ("/health/live", "/health/ready", "/auth/serving")
# Seconds that readiness waits for all of its checks together, and for which a failure answers
# the next requests too: what hangs is waited for once, however many ask.
TIMEOUT = 1.5
REMEMBERED = 1.0


class Readiness:
    """Checks the services that the web depends on, all at once and in bounded time."""

    def __init__(self, settings: Settings):
        redis = Redis.from_url(
            settings.redis_url(0),
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._checks: dict[str, Callable[[], object]] = {"database": db.check, "broker": redis.ping}
        # One thread per check: one that hangs delays only its own successors.
        self._threads = {name: ThreadPoolExecutor(1, f"check-{name}") for name in self._checks}
        self._turn = Lock()
        self._outcomes: dict[str, str] = {}
        self._until = 0.0

    def check(self) -> dict[str, str]:
        """Return ``ok`` or ``failed`` for each dependency by name, within TIMEOUT seconds."""
        with self._turn:
            if time.monotonic() >= self._until:
                self._outcomes = self._ask()
                if "failed" in self._outcomes.values():
                    self._until = time.monotonic() + REMEMBERED
            return self._outcomes

    def _ask(self) -> dict[str, str]:
        running = {name: self._threads[name].submit(check) for name, check in self._checks.items()}
        wait_for(running.values(), timeout=TIMEOUT)
        return {name: _outcome(name, future) for name, future in running.items()}


def init_app(app: Flask, settings: Settings) -> None:
    """Register the endpoints."""
    app.extensions["readiness"] = Readiness(settings)
    app.register_blueprint(blueprint)


@blueprint.get(LIVE)
def live() -> Response:
    """Answer that the process is alive; checks nothing else."""
    return _fresh({"status": "ok"})


@blueprint.get(READY)
def ready() -> Response:
    """Say whether the database and the broker answer: 200 or 503, by name."""
    checks = current_app.extensions["readiness"].check()
    if all(outcome == "ok" for outcome in checks.values()):
        return _fresh({"status": "ok", "checks": checks})
    return _fresh({"status": "failed", "checks": checks}, 503)


@blueprint.get(SERVING)
def serves() -> Response:
    """Tell the proxy whether to send requests here: 200, or 503 before it is ready and in the end.

    An outage of the database later on is no reason: every instance would leave at once, and the
    page that explains it is ours.
    """
    if serving.tell():
        return _fresh({"status": "ok"})
    return _fresh({"status": "draining" if serving.draining() else "starting"}, 503)


@blueprint.get("/version")
def version() -> Response:
    """Say which version runs, and of which commit ("" where the build did not know)."""
    commit = current_app.config["COMMIT"]
    return _fresh({"name": "timestack", "version": __version__, "commit": commit})


def _fresh(body: dict, status: int = 200) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    answer.cache_control.no_store = True
    return answer


def _outcome(name: str, future: Future) -> str:
    # One that waits behind a hanging check must not run when its request is over.
    if not future.done():
        future.cancel()
        log.warning("readiness: %s did not answer within %g s", name, TIMEOUT)
        return "failed"
    error = future.exception()
    if error:
        log.warning("readiness: %s failed: %s", name, error)
        return "failed"
    return "ok"
