"""The application factory: settings in, a Flask application under its URL prefix out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Flask, request
from flask_bootstrap import Bootstrap5
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from timestack import __version__, api, assets, auth, cache, dash, db, edge, errors, health, pages
from timestack.domains.uploads import store
from timestack.ingest import body
from timestack.metrics import requests
from timestack.settings import WEB_SECRETS, Settings

MIB = 1024 * 1024
# Bytes that a body may have; the server keeps no larger one (server.py).
LARGEST_BODY = 2 * MIB
# And where larger ones are taken, by path, or below one with a slash.
LARGER_BODIES = {
    **dict.fromkeys(("/api/v1/prices", "/api/v1/readings", "/api/v2/write"), body.LARGEST),
    "/api/v1/uploads/": store.PART,
}
OUTSIDE = "timestack.outside"


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; settings are read from the environment unless given.

    Everything lives under ``settings.url_prefix``. Inside, routes are written without it and
    ``url_for`` adds it; outside, nothing is found.

    Raises SettingsError with every fault. Opens no connection: that is left to the first request.
    """
    settings = settings or Settings.load(needs=WEB_SECRETS)
    app = Flask(__package__)
    app.config.from_mapping(
        SETTINGS=settings,
        COMMIT=settings.timestack_commit,
        URL_PREFIX=settings.url_prefix,
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        LARGER_BODIES=LARGER_BODIES,
        # The other threads answer meanwhile.
        MOST_WRITES=max(1, settings.web_threads // 2),
        MAX_FORM_MEMORY_SIZE=MIB // 4,
        MAX_FORM_PARTS=100,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    app.jinja_env.globals["version"] = __version__
    app.jinja_env.globals["keeps_metrics"] = settings.keeps_metrics
    app.extensions["engine"] = db.init(settings, application_name="timestack-web")
    cache.init(settings, brief=True)

    requests.init_app(app)
    errors.init_app(app)
    app.before_request(_refuse_outside)
    auth.init_app(app, settings)
    # Flask-Security has put a writer of its own there.
    app.json.sort_keys = False
    Bootstrap5(app)
    health.init_app(app, settings)
    app.register_blueprint(edge.blueprint)
    app.register_blueprint(pages.blueprint)
    api.init_app(app, auth.needed_role)
    dash.init_app(app)
    assets.init_app(app, app.extensions["dash"])

    # Traefik is the one proxy in front: it adds one entry to each header, others are not trusted.
    # The port is the public one: that of the client's Host would be in every link, mails too.
    mounted = Mount(app.wsgi_app, settings.url_prefix)
    fixed = ProxyFix(mounted, x_for=1, x_proto=1, x_host=1, x_port=1)
    app.wsgi_app = edge.Visitors(fixed, settings.trusted_networks)
    return app


class Mount:
    """WSGI middleware: moves a URL prefix from PATH_INFO to SCRIPT_NAME.

    A request outside the prefix reaches the application marked as such, so that its 404 looks like
    any other and is logged. The server's own environ keeps the path as it was sent.
    """

    def __init__(self, application: Callable, prefix: str):
        self._application = application
        self._prefix = prefix

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        inside = path == self._prefix or path.startswith(f"{self._prefix}/")
        inner = {
            **environ,
            "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + self._prefix,
            "PATH_INFO": path.removeprefix(self._prefix) if inside else path,
            OUTSIDE: not inside,
        }
        return self._application(inner, start_response)


def _refuse_outside() -> None:
    if request.environ[OUTSIDE]:
        raise NotFound
