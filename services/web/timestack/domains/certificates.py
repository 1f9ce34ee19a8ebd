"""When the stack's own certificates end, in time to renew them."""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

log = logging.getLogger(__name__)

AUTHORITY = "ca.pem"
# The proxy's with its successors, the database's, and the authority's that signed them.
FILES = {
    "tls.pem": ("tls.pem", "tls_later.pem"),
    "db_tls.pem": ("db_tls.pem",),
    AUTHORITY: (AUTHORITY,),
}
RENEW = "run `make up` on the host"
# All that it has signed ends with it, and its users must trust a new one.
REPLACE = (
    "move `ca.pem` and `ca.key` out of the secrets' folder on the host, run `make up`, and trust"
    " the new ca.pem wherever the old one was"
)
SOON = timedelta(days=30)
# Where the proxy is, and how long it may take.
PROXY = ("traefik", 8443)
SECONDS = 2.0
# What the name of a local authority begins with (scripts/host/certificates.py).
LOCAL = "Timestack local CA"
# What lasts as long as its authority may end a moment sooner.
ROUNDED = timedelta(days=1)


@dataclass(frozen=True)
class Ending:
    """A certificate, its end (UTC) and the whole days until then; below 0 when that is past."""

    name: str
    ends: datetime
    days: int

    @property
    def todo(self) -> str:
        """What to do about it on the host."""
        return REPLACE if self.name == AUTHORITY else RENEW


def endings(directory: Path, now: datetime) -> list[Ending]:
    """Return every certificate in ``directory``; a missing or invalid one is left out."""
    found = []
    for name, files in FILES.items():
        if ends := [end for file in files for end in _ends(directory / file)]:
            found.append(Ending(name, max(ends), (max(ends) - now).days))
    return found


def served(name: str, address: tuple[str, int]) -> tuple[str, datetime] | None:
    """Return who issued what visitors of this name get, and its end (UTC); None without an answer.

    Whether it is valid, and for whom, is not looked at.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(address, SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            loaded = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return None
    issuer = {each.oid: str(each.value) for each in loaded.issuer}
    who = issuer.get(NameOID.ORGANIZATION_NAME) or issuer.get(NameOID.COMMON_NAME, "")
    return who, loaded.not_valid_after_utc


def ending(directory: Path, now: datetime) -> list[Ending]:
    """Return the certificates in ``directory`` that end within SOON, the first one first.

    A missing or invalid certificate is left out: its user reports it. So is one that ends with the
    authority: it is renewed with it, and not before.
    """
    found = [each for each in endings(directory, now) if each.ends - now <= SOON]
    last = min((each.ends for each in found if each.name == AUTHORITY), default=None)
    return [
        each
        for each in sorted(found, key=lambda each: each.ends)
        if last is None or each.name == AUTHORITY or last - each.ends > ROUNDED
    ]


def _ends(file: Path) -> list[datetime]:
    try:
        loaded = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return []
    return [each.not_valid_after_utc for each in loaded]


def warn(directory: Path) -> int:
    """Log a warning for each certificate that ends within SOON; returns how many do."""
    found = ending(directory, datetime.now(UTC))
    for each in found:
        log.warning(
            "certificate %s ends on %s, in %d days: %s",
            *(each.name, f"{each.ends:%Y-%m-%d}", each.days, each.todo),
        )
    return len(found)
