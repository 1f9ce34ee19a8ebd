"""Certificates, versions, backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from timestack import __version__
from timestack.domains import certificates
from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part, unread
from timestack.domains.operations.thresholds import CERTIFICATE
from timestack.series.edition import edition
from timestack.settings import secrets_dir

CERTIFICATES, NAME = "certificates", "installation"
EDITIONS = {"apache": "Apache-2 edition", "timescale": "Community edition"}
# Until there are backups.
NO_BACKUP = "This stack makes no backups yet; docs/architecture.md shows how to make a dump."
VERSIONS = text("""
    select current_setting('server_version') as postgresql,
           (select extversion from pg_extension where extname = 'timescaledb') as timescaledb
""")


def read_certificates(budget: Budget, directory: Path | None = None) -> Part:
    """Return how long each certificate is good; no statement of the budget is run."""
    found = certificates.endings(directory or secrets_dir(), datetime.now(UTC))
    if not found:
        return unread(CERTIFICATES, "No certificate is mounted here: `make up` does that.")
    return Part(CERTIFICATES, [_certificate(each) for each in found])


def _certificate(ending: certificates.Ending) -> Check:
    left = ending.days * 86_400.0
    when = f"until {ending.ends:%Y-%m-%d}"
    return Check(
        ending.name,
        f"{when}, {words.number(ending.days)} days"
        if ending.days >= 0
        else f"{when}: it has ended",
        CERTIFICATE.state(left),
        str(CERTIFICATE),
        f"{ending.todo[:1].upper()}{ending.todo[1:]}.",
    )


def read(budget: Budget) -> Part:
    """Return what runs here."""
    with budget.step() as session:
        found = session.execute(VERSIONS).one()
        which = EDITIONS[edition(session.connection())]
    return Part(
        NAME,
        [
            Check("Timestack", __version__),
            Check("PostgreSQL", found.postgresql.partition(" ")[0]),
            Check("TimescaleDB", f"{found.timescaledb}, {which}"),
        ],
        note=NO_BACKUP,
    )
