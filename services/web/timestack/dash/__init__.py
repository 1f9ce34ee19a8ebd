"""The dashboards: Dash inside Flask, under ``<URL_PREFIX>/dash/``. One file per page."""

from __future__ import annotations

from flask import Flask

from timestack.dash import guard, results, sensors
from timestack.dash.shell import Shell

# In the order of the navigation bar.
PAGES = [sensors.PAGE, results.PAGE]


def init_app(app: Flask) -> None:
    """Mount the dashboards; ``app.extensions["dash"]`` is the Dash application.

    ``app.config["URL_PREFIX"]`` is what the browser sees before ``/dash/``; the routes themselves
    are without it. Templates know the pages as ``dashboards``.
    """
    shell = Shell(app, PAGES)
    guard.init_app(app, shell)
    app.extensions["dash"] = shell
    app.jinja_env.globals["dashboards"] = PAGES


__all__ = ["init_app"]
