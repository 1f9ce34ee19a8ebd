"""The content security policy of every page.

Scripts are files of this server; nothing is evaluated. Plotly writes style elements and React style
attributes, so that styles on the dashboards may be inline; elsewhere they may not.

Ref: https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CSP
"""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request

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


def _with_vite(origin: str, nonce: str) -> str:
    """The policy of a page whose files come from Vite's server, in development alone.

    Vite tells of changes over a web socket, and puts styles into elements that carry the nonce.
    """
    socket = origin.replace("http", "ws", 1)
    return policy(
        script_src=f"'self' {origin}",
        style_src=f"'self' {origin} 'nonce-{nonce}'",
        img_src=f"'self' data: {origin}",
        connect_src=f"'self' {origin} {socket}",
    )


def _protect(response: Response) -> Response:
    if "Content-Security-Policy" not in response.headers:
        dash = current_app.extensions.get("dash")
        if dash and request.path.startswith(dash.config.routes_pathname_prefix):
            value = policy(
                style_src="'self' 'unsafe-inline'",
                # A chart that is saved as a picture is drawn from a blob.
                img_src="'self' data: blob:",
            )
        elif nonce := g.get("style_nonce"):
            value = _with_vite(current_app.config["SETTINGS"].frontend_url, nonce)
        else:
            value = policy()
        response.headers["Content-Security-Policy"] = value
    # What a signed-in user saw must not come back from a cache after the log-out.
    if request.endpoint not in FILES and not response.cache_control:
        response.cache_control.no_store = True
        response.cache_control.private = True
    return response
