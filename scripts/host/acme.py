"""A certificate of a public authority (ACME_EMAIL): what it needs, and which one is served.

The proxy gets and renews it by itself (traefik/entrypoint). Until it has one, and for the names
localhost and 127.0.0.1, it serves the local authority's.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.host import certificates
from scripts.host.faults import Fault

SECONDS = 3.0
AGAIN = "a public one is asked for every 15 minutes, see `make logs S=traefik`"
# By challenge: the port at which an authority asks, the setting of ours, and how another program at
# that port must pass on what comes.
ASKED = {
    "http-01": (80, "HTTP_PORT", "with its host and path"),
    "tls-alpn-01": (443, "HTTPS_PORT", "as it is, not decrypted"),
}
# Names that mean nothing on the internet, or are for documents (RFC 2606, 6761, 8375, 9476).
RESERVED = {
    "alt",
    "example",
    "example.com",
    "example.net",
    "example.org",
    "home.arpa",
    "internal",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "test",
}


@dataclass(frozen=True)
class Served:
    """What visitors of TIMESTACK_DOMAIN get; `issuer` is empty for the local certificate."""

    issuer: str
    ends: datetime

    def __str__(self) -> str:
        who = f"of {self.issuer}" if self.issuer else "of the local authority"
        left = (self.ends - datetime.now(UTC)).days
        when = f"{left} days" if left >= 0 else "it has expired"
        return f"{who}, until {self.ends:%Y-%m-%d}, {when}"


def wanted(values: Mapping[str, str]) -> bool:
    return bool(values["ACME_EMAIL"])


def local_name(values: Mapping[str, str]) -> str:
    """TIMESTACK_DOMAIN as the local certificate spells it.

    Traefik asks an authority for no name that its own certificate has, letter for letter. Whoever
    checks a certificate takes capitals for the same (RFC 5280, 7.2).
    """
    domain = values["TIMESTACK_DOMAIN"]
    return domain.upper() if wanted(values) else domain


def faults(values: Mapping[str, str]) -> list[Fault]:
    """A fault where no authority can give a certificate for TIMESTACK_DOMAIN."""
    domain = values["TIMESTACK_DOMAIN"]
    if not wanted(values) or not (wrong := _not_public(domain, any_name=bool(values["ACME_CA"]))):
        return []
    todo = (
        "set TIMESTACK_DOMAIN to the name that people type and that the internet's DNS leads to"
        " this host, or empty ACME_EMAIL"
    )
    return [Fault("ACME_EMAIL, TIMESTACK_DOMAIN", f"{domain} {wrong}", todo)]


def _not_public(domain: str, *, any_name: bool) -> str:
    """Why an authority gives nothing for this name; empty where it may.

    An authority of your own may know names that the internet does not.
    """
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        labels = domain.split(".")
        ends = {".".join(labels[-count:]) for count in (1, 2)}
        if domain == "localhost" or (ends & RESERVED and not any_name):
            return "is a name that no public authority may certify"
        return "" if len(labels) > 1 or any_name else "is not a name on the internet"
    return "is an address, and the certificate is for a name"


def warnings(values: Mapping[str, str]) -> list[str]:
    """What the authority can reach only if something outside of this stack helps."""
    if not wanted(values):
        return []
    found = []
    port, setting, how = ASKED[values["ACME_CHALLENGE"]]
    who = f"the authority asks {values['TIMESTACK_DOMAIN']} at port {port}"
    if values[setting] != str(port):
        found.append(
            f"{who}, and {setting} is {values[setting]}: what listens at {port} must pass that on"
            f" {how}, or set {setting}={port}"
        )
    if ipaddress.ip_address(values["BIND_ADDRESS"].strip("[]")).is_loopback:
        found.append(
            f"{who} from the internet, and BIND_ADDRESS={values['BIND_ADDRESS']} is reached from"
            " this machine only: set BIND_ADDRESS=0.0.0.0, or let a proxy on this host pass it on"
        )
    return found


def served(values: Mapping[str, str], authority: Path) -> Served | None:
    """The certificate that the proxy of this host shows for TIMESTACK_DOMAIN; None without any."""
    bound = values["BIND_ADDRESS"].strip("[]")
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)  # noqa: S104
    context = ssl.create_default_context()
    # What it is, whoever issued it and whether it has ended, is the question.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, int(values["HTTPS_PORT"])), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=values["TIMESTACK_DOMAIN"]) as connection,
        ):
            certificate = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
        return Served(*certificates.describe(certificate, authority))
    except (OSError, ValueError, certificates.OpenSSLError):
        return None
