"""A certificate of a public authority: away, there, renewed, by both challenges.

The proxy of the stack with an authority for tests (Pebble) and one page behind it.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from scripts.host import acme
from tests.stack import ROOT, Stack, docker, wait_until
from timestack.domains.operations import installation
from timestack.domains.operations.check import Check

pytestmark = pytest.mark.stack

DOMAIN = "data.example.org"
CA = "https://authority:14000/dir"
ON_TOP = ("-f", str(ROOT / "tests" / "acme.yaml"))
DAY = 86_400


class Edge(Stack):
    """The proxy, the authority and the page."""

    def __init__(self, directory: Path) -> None:
        self.chosen = {"TIMESTACK_DOMAIN": DOMAIN, "ACME_EMAIL": "a@example.org", "ACME_CA": CA}
        super().__init__(directory, **self.chosen)
        # The local certificate is for that name, spelled so that Traefik asks for another.
        subprocess.run(
            ["python3", "-m", "scripts.host", "secrets"],
            cwd=ROOT,
            env={**os.environ, **self.chosen, "SECRETS_PATH": str(self.secrets)},
            check=True,
            capture_output=True,
        )
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=authority", "-addext", "subjectAltName=DNS:authority"),
                *("-keyout", self.secrets / "authority.key"),
                *("-out", self.secrets / "authority.pem"),
            ],
            check=True,
            capture_output=True,
        )
        (self.secrets / "authority.key").chmod(0o444)

    def authority(self, *, days: int, asks: str) -> None:
        """From its next start on it issues for so many days, and can ask at one port only."""
        settings = {
            "listenAddress": "0.0.0.0:14000",
            "managementListenAddress": "0.0.0.0:15000",
            "certificate": "/run/secrets/authority.pem",
            "privateKey": "/run/secrets/authority.key",
            "httpPort": 8080 if asks == "http-01" else 1,
            "tlsPort": 8443 if asks == "tls-alpn-01" else 1,
            "certificateValidityPeriod": days * DAY,
        }
        (self.secrets / "pebble.json").write_text(json.dumps({"pebble": settings}))

    def on_top(self, *arguments: str) -> None:
        done = self.compose(*ON_TOP, *arguments)
        assert done.returncode == 0, done.stderr

    def bring(self, *services: str) -> None:
        self.on_top("up", "--detach", "--no-deps", "--build", *services)

    @property
    def served(self) -> acme.Served | None:
        values = {
            "BIND_ADDRESS": "127.0.0.1",
            "HTTPS_PORT": str(self.https_port),
            "TIMESTACK_DOMAIN": DOMAIN,
        }
        return acme.served(values, self.secrets / "ca.pem")

    def public(self) -> acme.Served | None:
        """What is served, once it is a public authority's."""
        return found if (found := self.served) and found.issuer else None

    def get(self, trusted: ssl.SSLContext) -> httpx.Response:
        """The page, by its name, by somebody who trusts these authorities."""
        url = f"https://127.0.0.1:{self.https_port}/UTC"
        name = {"sni_hostname": DOMAIN}
        with httpx.Client(verify=trusted, timeout=10) as client:
            return client.get(url, headers={"Host": DOMAIN}, extensions=name)

    def told(self, environ: pytest.MonkeyPatch) -> Check:
        """What the Operations page says of it."""
        environ.setenv("TIMESTACK_DOMAIN", DOMAIN)
        environ.setenv("ACME_EMAIL", self.chosen["ACME_EMAIL"])
        proxy = ("127.0.0.1", self.https_port)
        part = installation.read_certificates(None, self.secrets, proxy)
        return next(each for each in part.checks if each.name == DOMAIN)

    def roots(self) -> ssl.SSLContext:
        """Trusts what the authority issues."""
        port = docker("port", f"{self.project}-authority-1", "15000").strip()
        pem = httpx.get(f"https://{port}/roots/0", verify=False).text  # noqa: S501
        return ssl.create_default_context(cadata=pem)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(tmp_path_factory.mktemp("acme"))
    edge.authority(days=29, asks="http-01")
    try:
        edge.bring("page", "traefik")
        wait_until(lambda: edge.served, "the proxy answers")
        yield edge
    finally:
        edge.on_top("down", "--volumes", "--timeout", "1")


def test_while_the_authority_is_away_the_local_certificate_serves(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edge.served.issuer == ""
    trusted = ssl.create_default_context(cafile=str(edge.secrets / "ca.pem"))
    wait_until(lambda: edge.get(trusted).status_code == 200, "the page is served")
    told = edge.told(monkeypatch)
    assert told.state == "look"
    assert (
        told.advice == "The public authority has given none yet; the proxy asks every 15 minutes."
    )
    # And it was asked for a certificate: the spelling of the local one hinders nothing.
    wait_until(lambda: "Unable to obtain ACME certificate" in edge.logs("traefik"), "it was asked")


def test_when_the_authority_is_back_a_certificate_comes_by_itself(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = edge.inspect("traefik")["State"]["StartedAt"]
    edge.bring("authority")
    found = wait_until(edge.public, "a certificate of the authority")
    assert "Pebble" in found.issuer
    assert timedelta(days=28) < found.ends - datetime.now(UTC) <= timedelta(days=29)
    assert edge.get(edge.roots()).status_code == 200
    assert edge.inspect("traefik")["State"]["StartedAt"] == before
    told = edge.told(monkeypatch)
    assert told.state == "good"
    assert told.value.startswith("of Pebble")
    # Its key is the proxy's alone.
    listed = edge.exec("traefik", "sh", "-c", "stat -c '%a %u %n' /var/lib/traefik/*").stdout
    assert listed == f"600 10001 /var/lib/traefik/{DOMAIN}@authority:14000_dir.json\n"


def test_plain_http_still_leads_to_https(edge: Edge) -> None:
    url = f"http://127.0.0.1:{edge.http_port}/UTC"
    answer = httpx.get(url, headers={"Host": DOMAIN})
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{DOMAIN}:{edge.https_port}/UTC"


def test_one_that_ends_within_thirty_days_is_renewed_at_a_start(edge: Edge) -> None:
    before = wait_until(edge.public, "a certificate of the authority")
    edge.on_top("restart", "traefik")
    wait_until(lambda: edge.served and edge.served.ends > before.ends, "another one")
    assert edge.get(edge.roots()).status_code == 200


def test_by_the_other_challenge_at_the_port_of_https(edge: Edge) -> None:
    # A new authority, which knows nobody, and a proxy without any certificate.
    edge.exec("traefik", "sh", "-c", "rm /var/lib/traefik/*")
    file = edge.directory / ".env"
    file.write_text(f"{file.read_text()}ACME_CHALLENGE=tls-alpn-01\n")
    edge.authority(days=90, asks="tls-alpn-01")
    edge.on_top("restart", "--timeout", "1", "authority")
    edge.bring("traefik")
    found = wait_until(edge.public, "a certificate of the authority")
    assert found.ends - datetime.now(UTC) > timedelta(days=89)
    assert edge.get(edge.roots()).status_code == 200


def test_one_that_lasts_longer_is_kept_over_a_restart_without_the_authority(edge: Edge) -> None:
    before = edge.public()
    edge.on_top("stop", "--timeout", "1", "authority")
    edge.on_top("restart", "traefik")
    assert wait_until(edge.public, "the proxy answers") == before
