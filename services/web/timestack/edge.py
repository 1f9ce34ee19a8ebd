"""Answers that the proxy gets from the web for its own refusals, and visitors behind more proxies.

Only the proxy asks for the addresses below; none of them has a route from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address

from flask import Blueprint, Response, current_app
from werkzeug.exceptions import BadGateway, BadRequest

from timestack.settings import Settings

blueprint = Blueprint("edge", __name__)

Networks = Iterable[IPv4Network | IPv6Network]


@blueprint.get("/auth/elsewhere")
def elsewhere() -> Response:
    """404 for a request to a name that is not served, with the one that is."""
    settings: Settings = current_app.config["SETTINGS"]
    name = settings.timestack_domain
    text = (
        f"Nothing is served here under the name or address you asked for. The name is {name}:\n"
        f"{settings.public_origin}{settings.url_prefix}/\n\n"
        "If you run this stack: set TIMESTACK_DOMAIN in .env to the name that people type,"
        " then run make up.\n"
    )
    return Response(text, status=404, mimetype="text/plain")


@blueprint.get("/auth/broken")
def broken() -> Response:
    """400 for a body that the proxy could not read."""
    raise BadRequest("The body's chunks are malformed, or it ended too early.")


@blueprint.get("/auth/failed")
def failed() -> Response:
    """502 for a request that failed after the proxy had read its body."""
    raise BadGateway


class Visitors:
    """WSGI middleware: leaves one address in X-Forwarded-For, the visitor's.

    The last address connected to the proxy. Only where that one is trusted did the proxy
    leave others before it, and the visitor is the last of these that is not. Without ``trusted``
    all is left to ProxyFix, which takes the last.
    """

    def __init__(self, application: Callable, trusted: Networks):
        self._application = application
        self._trusted = tuple(trusted)

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Serve one request."""
        given = environ.get("HTTP_X_FORWARDED_FOR")
        if given and self._trusted:
            *forwarded, peer = [each.strip() for each in given.split(",")]
            strangers = [each for each in forwarded if not self._trusts(each)]
            visitor = strangers[-1] if strangers else next(iter(forwarded), peer)
            environ = {**environ, "HTTP_X_FORWARDED_FOR": visitor}
        return self._application(environ, start_response)

    def _trusts(self, text: str) -> bool:
        with suppress(ValueError):
            address = ip_address(text)
            return any(address in network for network in self._trusted)
        return False
