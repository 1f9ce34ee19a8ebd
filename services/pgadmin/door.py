"""Only the proxy may connect to pgAdmin; it names the user of each request.

pgAdmin's own check of the proxy looks at a log-in only, so that a session's cookie alone would
open it to every container on the network, and falls back on a log-in form.
"""

import hmac
from collections.abc import Callable, Iterable

from timestack.shared.proxy import PROXY, Proxy

USER = "HTTP_X_REMOTE_USER"
PROOF = "HTTP_X_PGADMIN_WEBSERVER_SECRET"
PING = "/misc/ping"


class Door:
    """WSGI middleware: 403 in plain text for every request that does not come from the proxy.

    It must be the outermost one: only there is REMOTE_ADDR the address of the socket. The name
    goes on in lower case, since the web tells its users apart regardless of case.
    """

    def __init__(self, app: Callable, secret: str, proxy: Proxy):
        self._app = app
        self._secret = secret.encode()
        self._proxy = proxy

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        if environ["REMOTE_ADDR"] == "127.0.0.1" and environ["PATH_INFO"] == PING:
            # This container's own health check, which has no user.
            environ.pop(USER, None)
            return self._app(environ, start_response)
        fault = self._fault(environ)
        if fault:
            return _refuse(fault, start_response)
        environ[USER] = environ[USER].lower()
        return self._app(environ, start_response)

    def _fault(self, environ: dict) -> str | None:
        address = environ["REMOTE_ADDR"]
        if address not in self._proxy.addresses():
            return f"pgAdmin answers only the proxy, and {address} is not {PROXY}."
        given = environ.get(PROOF, "").encode("latin-1")
        if not hmac.compare_digest(given, self._secret):
            return "The proxy's proof is missing or wrong: run 'make up', which renews it."
        if not environ.get(USER):
            return "The proxy did not say who asks: log in at the web first."
        return None


def _refuse(fault: str, start_response: Callable) -> Iterable[bytes]:
    body = f"{fault}\n".encode()
    start_response(
        "403 Forbidden",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))],
    )
    return [body]
