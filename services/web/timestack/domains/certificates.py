"""When the stack's own certificates end, while there is time to have new ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

log = logging.getLogger(__name__)

# The proxy's, the database's, and the authority's that signed both: as `make up` calls them.
NAMES = ("tls.pem", "db_tls.pem", "ca.pem")
SOON = timedelta(days=30)


@dataclass(frozen=True)
class Ending:
    """A certificate, its end (UTC) and the whole days until then; below 0 when that is past."""

    name: str
    ends: datetime
    days: int


def ending(directory: Path, now: datetime) -> list[Ending]:
    """Return the certificates in ``directory`` that end within SOON, the first one first.

    What is not there, or is not a certificate, is left out: who needs it says so itself.
    """
    found = []
    for name in NAMES:
        try:
            certificate = x509.load_pem_x509_certificate((directory / name).read_bytes())
        except (OSError, ValueError):
            continue
        left = certificate.not_valid_after_utc - now
        if left <= SOON:
            found.append(Ending(name, certificate.not_valid_after_utc, left.days))
    return sorted(found, key=lambda each: each.ends)


def warn(directory: Path) -> int:
    """Log a warning for each certificate that ends within SOON; returns how many do."""
    found = ending(directory, datetime.now(UTC))
    for each in found:
        log.warning(
            "certificate %s ends on %s, in %d days: run `make renew` on the host",
            *(each.name, f"{each.ends:%Y-%m-%d}", each.days),
        )
    return len(found)
