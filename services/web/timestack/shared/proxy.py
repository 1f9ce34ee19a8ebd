"""Whether a request comes from the proxy: by the address that its name has on our networks."""

from __future__ import annotations

import socket
import time

PROXY = "traefik"
# Seconds for which the proxy's addresses are kept; it may come back with another one.
FRESH = 5.0


class Proxy:
    """The proxy's addresses on our networks, looked up when they are older than FRESH."""

    def __init__(self, name: str = PROXY):
        self._name = name
        self._addresses: frozenset[str] = frozenset()
        self._until = 0.0

    def addresses(self) -> frozenset[str]:
        """Return its IPv4 addresses; none while the name is unknown."""
        if time.monotonic() > self._until:
            try:
                self._addresses = frozenset(socket.gethostbyname_ex(self._name)[2])
            except OSError:
                self._addresses = frozenset()
            self._until = time.monotonic() + FRESH
        return self._addresses
