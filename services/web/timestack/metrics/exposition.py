"""Metrics over HTTP: as an application for a server that is there, or on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from timestack.metrics import PORT, processes
from timestack.metrics.container import Container
from timestack.settings import Settings


def registry(settings: Settings) -> CollectorRegistry:
    """Return what all processes of this container counted, and how the container is."""
    found = processes.registry()
    found.register(Container(settings.timestack_commit))
    return found


def application(settings: Settings) -> Callable:
    """Return a WSGI application that answers every path with the metrics."""
    return make_wsgi_app(registry(settings))


def start(settings: Settings) -> None:
    """Answer on PORT from a thread of this process, for one that serves nothing itself."""
    start_http_server(PORT, registry=registry(settings))
