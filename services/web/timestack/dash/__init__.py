"""The dashboards: Dash inside Flask, under ``<URL_PREFIX>/dash/``. One file per page."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Flask, g

from timestack.dash import (
    alerts,
    datasets,
    forecast,
    guard,
    jobs,
    markets,
    operations,
    results,
    sensors,
    usage,
)
from timestack.dash.page import Page
from timestack.dash.shell import Shell

# In the order of the navigation bar.
PAGES = [
    sensors.PAGE,
    markets.PAGE,
    forecast.PAGE,
    datasets.PAGE,
    usage.PAGE,
    alerts.PAGE,
    results.PAGE,
    jobs.PAGE,
    operations.PAGE,
]


def init_app(app: Flask) -> None:
    """Mount the dashboards; ``app.extensions["dash"]`` is the Dash application.

    ``app.config["URL_PREFIX"]`` is what the browser sees before ``/dash/``; the routes themselves
    are without it. Templates ask ``dashboards()`` for those that the user may open,
    ``prices_host`` for the source of prices, and ``plotly_address()`` for what draws charts.
    """
    shell = Shell(app, PAGES)
    guard.init_app(app, shell)
    app.extensions["dash"] = shell
    app.jinja_env.globals["dashboards"] = _open
    app.jinja_env.globals["plotly_address"] = shell.plotly_address
    app.jinja_env.globals["prices_host"] = urlsplit(app.config["SETTINGS"].prices_source).netloc


def _open() -> Sequence[Page]:
    return [page for page in PAGES if guard.may(g.user, page.role)]


__all__ = ["init_app"]
