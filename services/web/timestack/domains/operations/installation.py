"""Certificates and versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from timestack import __version__
from timestack.domains import certificates
from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part, unread
from timestack.domains.operations.thresholds import CERTIFICATE, PUBLIC_CERTIFICATE
from timestack.series.edition import edition
from timestack.settings import public_name, secrets_dir

CERTIFICATES, NAME = "certificates", "installation"
EDITIONS = {"apache": "Apache-2 edition", "timescale": "Community edition"}
VERSIONS = text("""
    select current_setting('server_version') as postgresql,
           (select extversion from pg_extension where extname = 'timescaledb') as timescaledb
""")


def read_certificates(
    budget: Budget,
    directory: Path | None = None,
    proxy: tuple[str, int] = certificates.PROXY,
) -> Part:
    """Return how long each certificate is good; no statement of the budget is run."""
    found = certificates.endings(directory or secrets_dir(), datetime.now(UTC))
    if not found:
        return unread(CERTIFICATES, "No certificate is mounted here: `make up` does that.")
    public = [_public(name, proxy)] if (name := public_name()) else []
    return Part(CERTIFICATES, [*public, *(_certificate(each) for each in found)])


def _public(name: str, proxy: tuple[str, int]) -> Check:
    """Which certificate visitors get, where a public authority is asked for one (ACME_EMAIL)."""
    found = certificates.served(name, proxy)
    if found is None:
        return Check(name, "the proxy did not answer", "look", command="make logs S=traefik")
    issuer, ends = found
    left = (ends - datetime.now(UTC)).total_seconds()
    value = f"of {issuer}, until {ends:%Y-%m-%d}, {words.number(int(left // 86_400))} days"
    # The local authority's, which has a name of ours and no organization.
    if issuer.startswith(certificates.LOCAL):
        advice = "The public authority has given none yet; the proxy asks every 15 minutes."
        return Check(name, value, "look", advice=advice, command="make logs S=traefik")
    advice = "It is renewed thirty days before its end, and was not."
    state = PUBLIC_CERTIFICATE.state(left)
    return Check(name, value, state, str(PUBLIC_CERTIFICATE), advice, command="make logs S=traefik")


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
    )
