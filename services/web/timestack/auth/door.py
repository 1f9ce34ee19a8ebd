"""The door of pgAdmin, the worker monitor, the proxy's dashboard, and metrics: one log-in for all.

Traefik asks here before it passes a request on (``forwardAuth``). The answer 204 carries who it is,
and what proves to the service behind it that this comes from Traefik; Traefik copies both onto the
request after it has dropped what the client sent under these names. No other answer lets a request
in: a redirect to the log-in form, or a page with the reason, goes back to the browser as it is.

Ref: https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/forwardauth/
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import SecretStr
from werkzeug.exceptions import Forbidden, NotFound

from timestack.auth import gate
from timestack.settings import Settings

blueprint = Blueprint("door", __name__)

SERVICES = ("pgadmin", "flower", "traefik", "prometheus", "alertmanager")


@blueprint.get("/auth/<service>")
def admit(service: str) -> ResponseReturnValue:
    """204 with the identity for an administrator; otherwise what the browser is to show."""
    # The proxy drops this header of clients and sets it when it asks: only the proxy has it.
    address = request.headers.get("X-Forwarded-Uri")
    if service not in SERVICES or not address:
        raise NotFound
    answer = _refused(address)
    if answer is not None:
        return answer
    return Response(status=204, headers=_proof(service, current_app.config["SETTINGS"]))


def _refused(address: str) -> ResponseReturnValue | None:
    if not current_user.is_authenticated:
        method = request.headers.get("X-Forwarded-Method", "GET")
        parts = urlsplit(address)
        back = parts.path + (f"?{parts.query}" if parts.query else "")
        # The form is submitted back to a page, never to what a script asked for.
        wanted = back if method == "GET" and gate.is_path_here(back) else None
        return gate.to_login(wanted or f"{request.script_root}/", _root())
    if gate.must_change_password():
        if gate.navigates():
            return redirect(_root() + url_for("security.change_password"))
        raise Forbidden("Choose your own password first.")
    return gate.refusal("admin")


def _root() -> str:
    """This site as a browser calls it, since Traefik would complete a path with the door's address.

    The name is one that Traefik has a route for; the port is the client's claim, so it is left out.
    """
    settings: Settings = current_app.config["SETTINGS"]
    # Empty where the client sent only a port.
    name = re.sub(r":[0-9]*$", "", request.host) or settings.timestack_domain
    return f"https://{name}{settings.port_in_links}"


def _proof(service: str, settings: Settings) -> dict[str, str]:
    headers = {"X-Remote-User": current_user.email, "Cache-Control": "no-store"}
    if service == "pgadmin":
        headers["X-Pgadmin-Webserver-Secret"] = _revealed(settings.pgadmin_proxy_secret)
    if service == "flower":
        pair = f"traefik:{_revealed(settings.flower_proxy_secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
