"""The content security policy of every page.

Scripts are files of this server; nothing is evaluated. Plotly writes style elements and React style
attributes, so that styles on the dashboards may be inline; elsewhere they may not.

Ref: https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CSP
"""

from __future__ import annotations

from flask import Flask, Response, current_app, request

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

# Endpoints of files that are everybody's.
FILES = ("static", "bootstrap.static", "pages.static")


def init_app(app: Flask) -> None:
    """Add the policy to every answer of ``app``."""
    app.after_request(_protect)


def policy(**changes: str) -> str:
    """Return STRICT with some directives replaced, as the header's value."""
    directives = {**STRICT, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _protect(response: Response) -> Response:
    if "Content-Security-Policy" not in response.headers:
        dash = current_app.extensions.get("dash")
        if dash and request.path.startswith(dash.config.routes_pathname_prefix):
            value = policy(
                style_src="'self' 'unsafe-inline'",
                # A chart that is saved as a picture is drawn from a blob.
                img_src="'self' data: blob:",
            )
        else:
            value = policy()
        response.headers["Content-Security-Policy"] = value
    # What a signed-in user saw must not come back from a cache after the log-out.
    if request.endpoint not in FILES and not response.cache_control:
        response.cache_control.no_store = True
        response.cache_control.private = True
    return response
