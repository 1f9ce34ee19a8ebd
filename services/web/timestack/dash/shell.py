"""What surrounds every dashboard: the HTML document, navigation, addresses and failures.

Not Dash Pages: its registry belongs to the process and not to the application, it answers 200 to
an address that is none, and it writes the title with an inline script, which a strict content
security policy forbids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, ctx, dcc, html, set_props
from dash.development.base_component import Component
from flask import Flask, g, redirect, render_template_string, request, url_for
from markupsafe import Markup
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadRequest, HTTPException

from timestack import __version__
from timestack.dash import states

log = logging.getLogger(__name__)

DOCUMENT = """<!doctype html>
<html lang="en">
  <head>
    {{ metas }}
    <title>{{ title }}</title>
    <script src="{{ url_for('static', filename='trouble.js') }}"></script>
    <link rel="icon" type="image/svg+xml" href="{{ url_for('static', filename='logo.svg') }}">
    <link rel="stylesheet" href="{{ url_for('bootstrap.static',
      filename='css/bootstrap.min.css') }}">
    <link rel="stylesheet" href="{{ url_for('static', filename='timestack.css') }}">
    {{ css }}
    <script src="{{ url_for('static', filename='theme.js') }}"></script>
  </head>
  <body>
    <div id="react-entry-point">
      <div class="_dash-loading">
        <p>Loading…</p>
        <p class="ts-late">This takes longer than it should. <a href="">Reload the page</a></p>
      </div>
    </div>
    <div class="ts-trouble" id="trouble" data-login="{{ url_for('security.login') }}" role="alert"
      hidden>
      <p class="ts-trouble-title"></p>
      <p></p>
      <a class="btn btn-primary btn-sm" href=""></a>
    </div>
    {{ config }}
    {{ scripts }}
    {{ renderer }}
  </body>
</html>
"""


@dataclass(frozen=True)
class Page:
    """A dashboard at ``<URL_PREFIX>/dash/<path>``.

    ``layout(query, width)`` returns its content for the query string's parameters and the width
    of the window in CSS pixels. ``register(dash)`` adds its callbacks, once per application.
    """

    path: str
    title: str
    layout: Callable[[Mapping[str, str], int], Component]
    register: Callable[[Dash], None]


class Shell(Dash):
    """The Dash application: pages below one navigation bar, every file from this server."""

    def __init__(self, app: Flask, pages: Sequence[Page]):
        self._pages = {page.path: page for page in pages}
        super().__init__(
            __package__,
            server=app,
            routes_pathname_prefix="/dash/",
            requests_pathname_prefix=f"{app.config['URL_PREFIX']}/dash/",
            serve_locally=True,
            # The page changes while it loads; a title that flickers would only be read aloud.
            update_title=None,
            # Pages come and go; what is not on show has no component to be validated against.
            suppress_callback_exceptions=True,
            on_error=failed,
            # The renderer copies the token of this cookie into the X-CSRFToken header.
            csrf_token_name=app.config["SECURITY_CSRF_COOKIE_NAME"],
        )
        self.layout = self._frame
        self._register()
        for page in pages:
            page.register(self)

    def index(self, *args: Any, **kwargs: Any):
        """Serve the document; ``/dash/`` leads to the first page, an unknown address is a 404."""
        path = kwargs.get("path", "")
        if not path:
            query = request.query_string.decode()
            first = self.config.requests_pathname_prefix + next(iter(self._pages))
            return redirect(f"{first}?{query}" if query else first)
        document = super().index(*args, **kwargs)
        return document if path in self._pages else (document, 404)

    def interpolate_index(self, **parts: str) -> str:
        """Fill the document; Dash's parts are HTML already."""
        page = self._pages.get(request.path.removeprefix(self.config.routes_pathname_prefix))
        return render_template_string(
            DOCUMENT,
            title=f"{page.title if page else 'No such page'} · Timestack",
            **{name: Markup(part) for name, part in parts.items() if name != "title"},  # noqa: S704
        )

    def _frame(self) -> html.Div:
        return html.Div(
            [
                # The browser's address, and what of it is to be rendered by the server.
                dcc.Location(id="url", refresh="callback-nav"),
                dcc.Store(id="route"),
                html.A("Skip to content", href="#main", className="ts-skip"),
                self._navigation(),
                html.Main(
                    dbc.Container(
                        [
                            html.Div(id="alert"),
                            html.Div(states.loading(), id="page"),
                        ]
                    ),
                    id="main",
                    className="ts-main ts-dash",
                    tabIndex="-1",
                ),
                html.Footer(
                    dbc.Container(
                        [html.Span(f"Timestack {__version__}"), html.Span("All times are UTC")],
                        className="d-flex flex-wrap justify-content-between column-gap-4 row-gap-1",
                    ),
                    className="ts-footer",
                ),
            ],
            className="ts-frame",
        )

    def _navigation(self) -> dbc.NavbarSimple:
        prefix = self.config.requests_pathname_prefix
        root = self.server.config["URL_PREFIX"]
        links = {
            "Home": "/",
            **(
                {"pgAdmin": "/pgadmin/", "Workers": "/flower/", "Proxy": "/traefik/"}
                if g.get("admin")
                else {}
            ),
            "Health": "/health/ready",
            "Version": "/version",
            "Jobs API": "/api/v1/jobs",
            "Account and log-out": "/account",
        }
        return dbc.NavbarSimple(
            [
                *(
                    dbc.NavItem(dbc.NavLink(page.title, href=prefix + path, active="exact"))
                    for path, page in self._pages.items()
                ),
                dbc.DropdownMenu(
                    [
                        dbc.DropdownMenuItem(label, href=root + path, external_link=True)
                        for label, path in links.items()
                    ],
                    label="Links",
                    nav=True,
                    in_navbar=True,
                    align_end=True,
                ),
            ],
            brand=html.Span(
                [html.Img(src=url_for("static", filename="logo.svg"), alt=""), "Timestack"],
                className="ts-brand",
            ),
            brand_href=f"{root}/",
            brand_external_link=True,
            expand="sm",
            color=None,
            dark=False,
            className="ts-navbar",
        )

    def _register(self) -> None:
        self.clientside_callback(
            ClientsideFunction("timestack", "route"),
            Output("route", "data"),
            Input("url", "pathname"),
            Input("url", "search"),
        )

        @self.callback(
            Output("page", "children"), Input("route", "data"), prevent_initial_call=True
        )
        def show(route: Any) -> Component:
            path, query, width = _route(route)
            prefix = self.config.requests_pathname_prefix
            page = self._pages.get(path.removeprefix(prefix))
            set_props("alert", {"children": None})
            if page is None or not path.startswith(prefix):
                return states.no_such_page(path, prefix + next(iter(self._pages)))
            return page.layout(query, width)


def _route(route: Any) -> tuple[str, dict[str, str], int]:
    """Take apart what assets/timestack.js sends as an address; raises BadRequest."""
    shape = {"path": str, "search": str, "width": int}
    if (
        not isinstance(route, dict)
        or {name: type(each) for name, each in route.items()} != shape
        or not (route["path"] + route["search"]).isprintable()
    ):
        raise BadRequest("An address is a path, a query string and the width of the window.")
    try:
        query = parse_qsl(route["search"].removeprefix("?"), max_num_fields=20)
    except ValueError:
        raise BadRequest("The address has too many parameters.") from None
    return route["path"], dict(query), route["width"]


def failed(error: Exception) -> None:
    """Show what went wrong above the page, and leave the page as it was.

    A refusal (an HTTP exception) stays one: it is answered with its status.
    """
    if isinstance(error, HTTPException):
        raise error
    if isinstance(error, OperationalError | PoolTimeout):
        log.error("the database does not answer: %s", error)
        panel = states.failed(
            "The database does not answer", "It may be starting. Try again in a few seconds."
        )
    else:
        log.error("a callback failed", exc_info=error)
        panel = states.failed(
            "Something went wrong on our side",
            "It has been logged. If trying again does not help, tell your administrator the"
            " request id.",
        )
    set_props("alert", {"children": panel})
    if ctx.outputs_list == {"id": "page", "property": "children"}:
        # There is no page to leave as it was: the outline must not promise one for ever.
        set_props("page", {"children": None})
