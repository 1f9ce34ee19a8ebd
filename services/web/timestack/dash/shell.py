"""What surrounds every dashboard: the document, addresses and failures.

The document is templates/dash.html, in the frame of every other page; what Dash renders is the
page alone.

Not Dash Pages: its registry belongs to the process and not to the application, it answers 200 to
an address without a page, and it writes the title with an inline script, which a strict content
security policy forbids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import plotly
from dash import ClientsideFunction, Dash, Input, Output, ctx, dcc, html, set_props
from dash.development.base_component import Component
from dash.fingerprint import build_fingerprint
from flask import Flask, g, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import BadRequest

from timestack.dash import guard, states
from timestack.dash.page import Page
from timestack.dash.timechart import zone

# The parts of plotly.js that pages draw with, in the static folder of the image; and all of it, in
# the wheel.
PLOTLY, ALL_OF_PLOTLY = "plotly-parts.min.js", "package_data/plotly.min.js"
# What Dash loads for every application and ours does not use: polyfills of what each browser has
# that can show our style sheets, and a table.
UNUSED = ("/deps/polyfill@", "/dash_table/")
SOURCE = re.compile(r'src="([^"]+)"')


class Shell(Dash):
    """The Dash application: every page and every file from this server."""

    def __init__(self, app: Flask, pages: Sequence[Page]):
        self.pages = pages
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
        self.layout = html.Div(
            [
                # The browser's address, and what of it is to be rendered by the server.
                dcc.Location(id="url", refresh="callback-nav"),
                dcc.Store(id="route"),
                # Light or dark, when it changes.
                dcc.Store(id="look"),
                html.Div(id="alert"),
                # Until it has content, the outline of the document (templates/dash.html) is shown.
                html.Div(id="page"),
            ]
        )
        self._register()
        # Output -> the role that its callback needs.
        self.roles: dict[str, str] = {}
        for page in pages:
            before = set(self.callback_map)
            page.register(self)
            self.roles |= dict.fromkeys(self.callback_map.keys() - before, page.role)

    def index(self, *args: Any, **kwargs: Any):
        """Serve the document; ``/dash/`` leads to the first page, an unknown address is a 404."""
        path = kwargs.get("path", "")
        if not path:
            query = request.query_string.decode()
            first = self.config.requests_pathname_prefix + self.pages[0].path
            return redirect(f"{first}?{query}" if query else first)
        if path in self._pages:
            guard.require(self._pages[path].role)
        document = super().index(*args, **kwargs)
        return document if path in self._pages else (document, 404)

    def interpolate_index(self, **parts: str) -> str:
        """Fill the document; Dash's parts are HTML already."""
        page = self._pages.get(request.path.removeprefix(self.config.routes_pathname_prefix))
        tags = [
            tag for tag in parts["scripts"].splitlines() if not any(name in tag for name in UNUSED)
        ]
        drawing = self.plotly_address()
        return render_template(
            "dash.html",
            title=page.title if page else "No such page",
            about=page.about if page else "",
            # Its dialogs are in templates/dialogs/<path>.html, what else it loads in files/.
            path=page.path if page else "",
            editor=guard.may(g.user, "editor"),
            csrf_cookie=self.server.config["SECURITY_CSRF_COOKIE_NAME"],
            css=Markup(parts["css"]),  # noqa: S704
            config=Markup(parts["config"]),  # noqa: S704
            scripts=Markup("\n".join(tags)),  # noqa: S704
            plotly=drawing,
            files=[drawing, *(SOURCE.search(tag)[1] for tag in tags)],
        )

    def plotly_address(self) -> str:
        """Return the address of plotly.js, of all of it where the static folder has no part."""
        if (Path(self.server.static_folder) / PLOTLY).is_file():
            return url_for("static", filename=PLOTLY)
        changed = (Path(plotly.__file__).parent / ALL_OF_PLOTLY).stat().st_mtime
        name = build_fingerprint(ALL_OF_PLOTLY, plotly.__version__, int(changed))
        return f"{self.config.requests_pathname_prefix}_dash-component-suites/plotly/{name}"

    def _register(self) -> None:
        self.clientside_callback(
            ClientsideFunction("timestack", "route"),
            Output("route", "data"),
            Input("url", "pathname"),
            Input("url", "search"),
        )
        self.clientside_callback(
            ClientsideFunction("timestack", "repaint"),
            Input("look", "data"),
            prevent_initial_call=True,
        )
        zone.register(self)

        @self.callback(
            Output("page", "children"), Input("route", "data"), prevent_initial_call=True
        )
        def show(route: Any) -> Component:
            path, query, width = _route(route)
            prefix = self.config.requests_pathname_prefix
            page = self._pages.get(path.removeprefix(prefix))
            set_props("alert", {"children": None})
            if page is None or not path.startswith(prefix):
                first = self.pages[0]
                return states.no_such_page(path, first.title, prefix + first.path)
            guard.require(page.role)
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
    """Show what went wrong above the page, and leave the page as it was."""
    set_props("alert", {"children": states.failure(error)})
    if ctx.outputs_list == {"id": "page", "property": "children"}:
        # What is there is not what the address asks for.
        set_props("page", {"children": None})
