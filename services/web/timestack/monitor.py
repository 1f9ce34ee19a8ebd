"""``python -m timestack.monitor``: Flower, behind the door that all services share.

Flower knows basic auth and OAuth. Here the proxy brings both proof and name: a password that only
the door hands out (``timestack.auth.door``), and X-Remote-User. Both are accepted only from the
proxy's own address.
"""

from __future__ import annotations

import hmac
import sys
from base64 import b64encode

from flower import options as _  # noqa: F401  (defines the options set below)
from flower.views import BaseHandler
from tornado.options import options
from tornado.web import HTTPError

from timestack import logs
from timestack.metrics import exposition
from timestack.queue import app
from timestack.settings import Settings, SettingsError
from timestack.shared.proxy import PROXY, Proxy

PORT = 5555


def admit(secret: str, proxy: Proxy):
    """Return Flower's handler for the current user: the one that the proxy names, or 401."""
    expected = "Basic " + b64encode(f"{PROXY}:{secret}".encode()).decode()

    def get_current_user(handler: BaseHandler) -> str:
        request = handler.request
        given = request.headers.get("Authorization", "")
        user = request.headers.get("X-Remote-User", "")
        proved = hmac.compare_digest(given.encode(), expected.encode())
        if not (proved and user and request.remote_ip in proxy.addresses()):
            raise HTTPError(401)
        return user

    return get_current_user


def main() -> None:
    """Serve until stopped; ends with every fault in the settings."""
    try:
        settings = Settings.load(needs=["redis_password", "flower_proxy_secret"])
    except SettingsError as error:
        sys.exit(f"The worker monitor cannot start: {error}")
    logs.configure(settings)
    secret = settings.flower_proxy_secret.get_secret_value()
    BaseHandler.get_current_user = admit(secret, Proxy())
    # Unused by our handler, but it makes Flower know that it is not public: it then
    # refuses what another site's page sends.
    options.basic_auth = [f"{PROXY}:{secret}"]
    options.url_prefix = f"{settings.url_prefix}/flower".lstrip("/")
    options.port = PORT
    options.address = ""
    options.logging = "none"
    exposition.start(settings)
    app.start(["--quiet", "flower"])


if __name__ == "__main__":
    main()
