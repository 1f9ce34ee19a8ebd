"""Who is warned that a certificate ends, and when."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask

from tests.unit.web.conftest import person, signed_in
from timestack.domains import certificates

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def write(file: Path, ends: datetime) -> None:
    """A certificate with this end, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(Encoding.PEM))


@pytest.mark.parametrize(("left", "days"), [(31, []), (30, [30]), (1, [1]), (0, [0]), (-2, [-2])])
def test_a_certificate_is_named_from_thirty_days_before_its_end(
    tmp_path: Path, left: int, days: list[int]
) -> None:
    write(tmp_path / "tls.pem", NOW + timedelta(days=left))
    found = certificates.ending(tmp_path, NOW)
    assert [each.days for each in found] == days
    assert all(each.name == "tls.pem" for each in found)


def test_the_one_that_ends_first_is_named_first_and_what_is_no_certificate_not(
    tmp_path: Path,
) -> None:
    write(tmp_path / "tls.pem", NOW + timedelta(days=9))
    write(tmp_path / "ca.pem", NOW + timedelta(days=20))
    (tmp_path / "db_tls.pem").write_text("nonsense")
    found = certificates.ending(tmp_path, NOW)
    assert [each.name for each in found] == ["tls.pem", "ca.pem"]


def test_what_ends_with_its_authority_is_not_named_beside_it(tmp_path: Path) -> None:
    for name in ("ca.pem", "tls.pem", "db_tls.pem"):
        write(tmp_path / name, NOW + timedelta(days=9))
    assert [each.name for each in certificates.ending(tmp_path, NOW)] == ["ca.pem"]


def test_a_certificate_with_a_successor_does_not_end(tmp_path: Path) -> None:
    write(tmp_path / "tls.pem", NOW + timedelta(days=9))
    write(tmp_path / "tls_later.pem", NOW + timedelta(days=800))
    later = (tmp_path / "tls_later.pem").read_text()
    (tmp_path / "tls_later.pem").write_text(f"# serve from 1\n{later}")
    assert certificates.ending(tmp_path, NOW) == []


def test_of_the_authority_it_is_told_that_the_new_one_wants_trust(tmp_path: Path) -> None:
    write(tmp_path / "ca.pem", NOW + timedelta(days=9))
    (found,) = certificates.ending(tmp_path, NOW)
    assert "trust the new ca.pem" in found.todo


def test_the_log_names_it_with_its_end_and_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ends = datetime.now(UTC) + timedelta(days=12, hours=1)
    write(tmp_path / "db_tls.pem", ends)
    with caplog.at_level(logging.WARNING):
        assert certificates.warn(tmp_path) == 1
    assert f"db_tls.pem ends on {ends:%Y-%m-%d}, in 12 days" in caplog.text
    assert "run `make up` on the host" in caplog.text


@pytest.mark.parametrize(("role", "warned"), [("admin", True), ("editor", False)])
def test_the_landing_page_tells_administrators(
    make_app: Callable[..., Flask], tmp_path: Path, role: str, warned: bool
) -> None:
    app = make_app()
    folder = app.config["SETTINGS"].secrets_dir
    write(folder / "tls.pem", datetime.now(UTC) + timedelta(days=12))
    page = signed_in(app, person(role)).get("/").text
    assert ("run <code>make up</code> on the host" in page) is warned
    assert ("tls.pem" in page) is warned
