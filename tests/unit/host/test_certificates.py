"""The authority is made once and kept; server certificates follow it, the names and the time."""

import multiprocessing
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.host import certificates
from scripts.host.faults import Fault, Refused

LATER = "tls_later.pem"
FILES = ("ca.key", "ca.pem", "tls.key", "tls.pem", LATER, "db_tls.key", "db_tls.pem")
ALL = ["ca.pem", "tls.pem", "db_tls.pem"]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete set for localhost, which no test changes."""
    directory = tmp_path_factory.mktemp("complete") / "secrets"
    certificates.ensure(directory, domain="localhost")
    return directory


@pytest.fixture
def made(complete: Path, tmp_path: Path) -> Path:
    """A complete set for localhost of the test's own."""
    return shutil.copytree(complete, tmp_path / "secrets")


def openssl(*arguments: object) -> str:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def overwrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def sign_again(directory: Path, name: str, end: datetime) -> None:
    """Give a server certificate another end, as if it had been made at another time."""
    work = directory.parent
    names = (
        "DNS:timescaledb,DNS:localhost,IP:127.0.0.1"
        if name == "db_tls"
        else "DNS:localhost,IP:127.0.0.1,IP:::1"
    )
    (work / "index").write_text("")
    (work / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={work}/index\nnew_certs_dir={work}\n"
        "default_md=sha256\nrand_serial=yes\npolicy=any\ncopy_extensions=copy\n"
        "[any]\ncommonName=supplied\n"
    )
    subject = ("-subj", "/CN=again", "-addext", f"subjectAltName={names}")
    openssl("req", "-new", "-key", directory / f"{name}.key", *subject, "-out", work / "csr")
    dates = ("-startdate", "20200101000000Z", "-enddate", f"{end:%Y%m%d%H%M%SZ}")
    signer = ("-cert", directory / "ca.pem", "-keyfile", directory / "ca.key")
    command = ("ca", "-batch", "-notext", "-config", work / "ca.cnf", *signer, *dates)
    openssl(*command, "-in", work / "csr", "-out", work / "again.pem")
    overwrite(directory / f"{name}.pem", (work / "again.pem").read_bytes())


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def authority_ending(directory: Path, days: int) -> None:
    """Replace the authority's certificate by one with another end."""
    copy = directory.parent / "ca-again.pem"
    key, path = directory / "ca.key", directory / "ca.pem"
    openssl("x509", "-in", path, "-signkey", key, "-days", days, "-out", copy)
    overwrite(path, copy.read_bytes())


def only_fault(directory: Path) -> Fault:
    found = certificates.check(directory)
    assert len(found) == 1, found
    assert found[0].todo
    with pytest.raises(Refused) as refused:
        certificates.ensure(directory, domain="localhost")
    assert refused.value.faults == found
    return found[0]


def greet(directory: Path, name: str, host: str) -> str:
    """TLS to a server with this certificate, verified as a browser does; the protocol spoken."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    client = ssl.create_default_context(cafile=directory / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, server.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with (
            socket.create_connection(listener.getsockname(), timeout=10) as plain,
            client.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.send(b"x")
            protocol = secured.version()
        thread.join(timeout=10)
    return protocol


def test_a_first_run_makes_the_authority_and_both_server_certificates(tmp_path):
    assert certificates.ensure(tmp_path / "secrets", domain="localhost") == ALL
    assert set(contents(tmp_path / "secrets")) == set(FILES)


@pytest.mark.parametrize("name", ["it's $HOME", "a:b, #c", 'say "x"\\'])
def test_the_folder_may_be_called_anything(tmp_path, name):
    assert certificates.ensure(tmp_path / name / "secrets", domain="localhost") == ALL
    assert certificates.ensure(tmp_path / name / "secrets", domain="localhost") == []


def test_a_second_run_changes_nothing(made):
    before = contents(made)
    assert certificates.ensure(made, domain="localhost") == []
    assert contents(made) == before


def test_a_complete_set_has_no_faults(made):
    assert certificates.check(made) == []


def test_an_empty_folder_has_no_faults(tmp_path):
    assert certificates.check(tmp_path / "secrets") == []


def test_the_authoritys_key_is_the_owners_alone_under_any_umask(tmp_path):
    before = os.umask(0o077)
    try:
        certificates.ensure(tmp_path / "secrets", domain="localhost")
    finally:
        os.umask(before)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "secrets").iterdir()}
    assert modes == dict.fromkeys(FILES, 0o444) | {"ca.key": 0o400}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "data.example.org"])
def test_a_client_that_trusts_the_authority_trusts_the_proxy(tmp_path, host):
    certificates.ensure(tmp_path, domain="data.example.org")
    assert greet(tmp_path, "tls", host) == "TLSv1.3"


@pytest.mark.parametrize("host", ["timescaledb", "localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_authority_trusts_the_database(made, host):
    assert greet(made, "db_tls", host) == "TLSv1.3"


def test_a_domain_that_is_an_address_is_trusted_as_one(tmp_path):
    certificates.ensure(tmp_path, domain="192.0.2.7")
    assert greet(tmp_path, "tls", "192.0.2.7") == "TLSv1.3"


def test_a_domain_as_long_as_names_can_be_has_a_certificate(tmp_path):
    domain = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert certificates.ensure(tmp_path, domain=domain) == ALL
    assert certificates.ensure(tmp_path, domain=domain) == []


def test_the_authority_may_sign_servers_and_no_other_authority(made):
    output = openssl("x509", "-in", made / "ca.pem", "-noout", "-text")
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0" in output
    assert "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign" in output
    assert "ASN1 OID: prime256v1" in output


def test_two_hosts_authorities_have_different_names(tmp_path):
    names = set()
    for host in ("one", "two"):
        certificates.ensure(tmp_path / host, domain="localhost")
        names.add(openssl("x509", "-in", tmp_path / host / "ca.pem", "-noout", "-subject"))
    assert len(names) == 2


def test_the_ends_are_told_in_utc_and_are_what_browsers_take(made):
    now = datetime.now(UTC)
    ends = certificates.expiries(made)
    assert list(ends) == ALL
    assert timedelta(days=3649) < ends["ca.pem"] - now <= timedelta(days=3650)
    for name in ("tls.pem", "db_tls.pem"):
        assert timedelta(0) <= ends["ca.pem"] - ends[name] < timedelta(days=1)


def dates(text: str) -> tuple[datetime, datetime]:
    """From when to when a certificate is valid."""
    output = subprocess.run(
        ["openssl", "x509", "-noout", "-startdate", "-enddate"],
        input=text, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    begins, ends = (ssl.cert_time_to_seconds(each) for each in re.findall("=(.+)", output))
    return datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)


def test_the_proxy_s_certificate_has_successors_for_as_long_as_its_authority(made):
    last = certificates.expiries(made)["ca.pem"]
    _, ends = dates((made / "tls.pem").read_text())
    later = re.findall(
        r"# serve from (\d+) until (\d+)\n(-----BEGIN.+?END CERTIFICATE-----)",
        (made / LATER).read_text(),
        re.S,
    )
    assert len(later) > 8
    for served, until, text in later:
        begins, then = dates(text)
        # Valid a while before it is served, and that before the one before it ends.
        assert begins < datetime.fromtimestamp(int(served), UTC) < ends
        assert then - begins <= timedelta(days=366), "what browsers take"
        assert datetime.fromtimestamp(int(until), UTC) == then
        (made.parent / "successor.pem").write_text(text)
        openssl(
            "verify", "-no_check_time", "-CAfile", made / "ca.pem", made.parent / "successor.pem"
        )
        ends = then
    assert last - ends < timedelta(days=1)


def test_successors_of_another_key_or_too_few_are_made_again(made):
    assert certificates.ensure(made, domain="localhost") == []
    whole = (made / LATER).read_text()
    overwrite(made / LATER, whole[: whole.rindex("# serve")].encode())
    assert certificates.ensure(made, domain="localhost") == ["tls.pem"]
    overwrite(made / LATER, whole.encode())
    assert certificates.ensure(made, domain="localhost") == ["tls.pem"]
    assert certificates.ensure(made, domain="localhost") == []


def test_a_set_from_before_the_successors_is_kept_where_the_authoritys_key_is_away(made):
    (made / LATER).unlink()
    (made / "ca.key").unlink()
    before = contents(made)
    assert certificates.ensure(made, domain="localhost") == []
    assert contents(made) == {**before, LATER: b""}


def test_the_ends_of_what_is_missing_or_broken_are_left_out(made):
    (made / "tls.pem").unlink()
    overwrite(made / "db_tls.pem", b"nonsense")
    assert list(certificates.expiries(made)) == ["ca.pem"]


def test_another_domain_renews_the_proxys_certificate_alone(made):
    before = contents(made)
    assert certificates.ensure(made, domain="data.example.org") == ["tls.pem"]
    after = contents(made)
    changed = {name for name in FILES if before[name] != after[name]}
    assert changed == {"tls.key", "tls.pem", LATER}


@pytest.mark.parametrize("days", [1, 31, 3000])
def test_a_certificate_that_ends_before_its_authority_is_renewed(made, days):
    sign_again(made, "db_tls", in_days(days))
    assert certificates.ensure(made, domain="localhost") == ["db_tls.pem"]
    assert certificates.ensure(made, domain="localhost") == []


def test_an_expired_certificate_is_renewed(made):
    for name in ("tls", "db_tls"):
        sign_again(made, name, datetime(2021, 1, 1, tzinfo=UTC))
        assert certificates.expiries(made)[f"{name}.pem"] == datetime(2021, 1, 1, tzinfo=UTC)
    assert certificates.ensure(made, domain="localhost") == ["tls.pem", "db_tls.pem"]


def test_a_certificate_is_kept_while_the_authoritys_key_is_away_and_it_serves(made):
    sign_again(made, "db_tls", in_days(31))
    (made / "ca.key").unlink()
    assert certificates.ensure(made, domain="localhost") == []
    assert certificates.expiries(made)["db_tls.pem"] < in_days(32)


def test_a_certificate_outlives_its_authority_never(made):
    authority_ending(made, 100)
    (made / "tls.pem").unlink()
    assert certificates.ensure(made, domain="localhost") == ["tls.pem"]
    ends = certificates.expiries(made)
    assert ends["tls.pem"] <= ends["ca.pem"]


def test_an_authority_in_its_last_days_does_not_renew_at_every_run(made):
    authority_ending(made, 10)
    (made / "tls.pem").unlink()
    (made / "db_tls.pem").unlink()
    assert certificates.ensure(made, domain="localhost") == ["tls.pem", "db_tls.pem"]
    assert certificates.ensure(made, domain="localhost") == []


@pytest.mark.parametrize("name", ["tls.key", "tls.pem", "db_tls.key", "db_tls.pem"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense\n"], ids=["missing", "empty", "broken"])
def test_a_server_file_that_does_not_serve_is_made_anew_with_its_pair(made, name, content):
    overwrite(made / name, content or b"")
    if content is None:
        (made / name).unlink()
    leaf = name.partition(".")[0]
    assert certificates.ensure(made, domain="localhost") == [f"{leaf}.pem"]
    assert greet(made, leaf, "localhost") == "TLSv1.3"


def test_a_key_that_is_another_certificates_is_made_anew(made):
    overwrite(made / "tls.key", (made / "db_tls.key").read_bytes())
    assert certificates.ensure(made, domain="localhost") == ["tls.pem"]


def test_a_certificate_of_another_authority_is_made_anew(made, tmp_path):
    certificates.ensure(tmp_path / "other", domain="localhost")
    for name in ("tls.key", "tls.pem"):
        overwrite(made / name, (tmp_path / "other" / name).read_bytes())
    assert certificates.ensure(made, domain="localhost") == ["tls.pem"]
    assert greet(made, "tls", "localhost") == "TLSv1.3"


def test_an_authority_removed_with_its_key_is_made_anew_and_signs_again(made):
    (made / "ca.key").unlink()
    (made / "ca.pem").unlink()
    assert certificates.ensure(made, domain="localhost") == ALL
    assert greet(made, "tls", "localhost") == "TLSv1.3"


def test_an_interrupted_first_run_keeps_the_authoritys_key(made):
    key = (made / "ca.key").read_bytes()
    for name in FILES[1:]:
        (made / name).unlink()
    assert certificates.ensure(made, domain="localhost") == ALL
    assert (made / "ca.key").read_bytes() == key


def test_an_authority_that_has_signed_is_not_replaced_when_its_certificate_is_lost(made):
    (made / "ca.pem").unlink()
    fault = only_fault(made)
    assert fault.where.endswith("secrets/ca.pem")
    assert fault.what == "the file is missing"
    assert "restore it from a copy" in fault.todo


def test_an_expired_authority_is_refused_and_kept(made):
    authority_ending(made, -1)
    before = (made / "ca.pem").read_bytes()
    fault = only_fault(made)
    assert fault.what.startswith("expired on 20")
    assert "trust the new ca.pem" in fault.todo
    assert (made / "ca.pem").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"nonsense\n"], ids=["empty", "broken"])
def test_an_authority_that_is_no_certificate_is_refused(made, content):
    overwrite(made / "ca.pem", content)
    assert only_fault(made).what == "not a certificate"


def test_an_authority_with_anothers_key_is_refused(made):
    overwrite(made / "ca.key", (made / "tls.key").read_bytes())
    fault = only_fault(made)
    assert fault.where.endswith("secrets/ca.key")
    assert "does not belong" in fault.what


def test_an_authoritys_key_kept_elsewhere_is_not_missed_until_something_is_signed(made):
    (made / "ca.key").unlink()
    assert certificates.ensure(made, domain="localhost") == []
    with pytest.raises(Refused, match=r"ca\.key: needed to sign tls\.pem, but missing"):
        certificates.ensure(made, domain="data.example.org")


@pytest.mark.parametrize("name", FILES)
def test_a_directory_in_place_of_a_file_is_refused(made, name):
    (made / name).unlink()
    (made / name).mkdir()
    fault = only_fault(made)
    assert fault.where.endswith(f"secrets/{name}")
    assert fault.what == "a directory, not a file"


def test_a_missing_openssl_is_refused_with_the_name_of_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    fault = only_fault(tmp_path / "secrets")
    assert fault.what == "the command is missing"
    assert "apt-get install openssl" in fault.todo
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize("version", ["OpenSSL 1.0.2k-fips  26 Jan 2017", "OpenSSL 1.1.0l", "?"])
def test_an_openssl_without_what_is_asked_of_it_is_too_old(version):
    assert certificates.too_old(version)


@pytest.mark.parametrize("version", ["OpenSSL 1.1.1w  11 Sep 2023", "OpenSSL 3.0.19"])
def test_an_openssl_of_today_is_new_enough(version):
    assert not certificates.too_old(version)


@pytest.mark.parametrize("delay", [0.005 * step for step in range(1, 50, 4)])
def test_a_run_killed_at_any_moment_is_completed_by_the_next(tmp_path, delay):
    directory = tmp_path / "secrets"
    run = multiprocessing.get_context("fork").Process(
        target=certificates.ensure, args=(directory,), kwargs={"domain": "localhost"}
    )
    run.start()
    run.join(timeout=delay)
    run.kill()
    run.join(timeout=10)
    certificates.ensure(directory, domain="localhost")
    assert certificates.ensure(directory, domain="localhost") == []
    assert set(contents(directory)) <= {*FILES, *(f".{name}.new" for name in FILES)}
    assert greet(directory, "tls", "localhost") == greet(directory, "db_tls", "localhost")


def test_a_certificate_is_described_by_its_issuer_and_its_end(made: Path, tmp_path: Path) -> None:
    issuer, ends = certificates.describe((made / "tls.pem").read_text(), made / "ca.pem")
    assert issuer == ""
    assert timedelta(days=364) < ends - datetime.now(UTC) <= timedelta(days=365)

    other = tmp_path / "other.pem"
    subject = "/C=US/O=Some Authority, Inc./CN=R1"
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", subject),
        *("-keyout", tmp_path / "other.key", "-out", other),
    )
    issuer, ends = certificates.describe(other.read_text(), made / "ca.pem")
    assert issuer == "Some Authority, Inc."
    assert timedelta(days=8) < ends - datetime.now(UTC) <= timedelta(days=9)


def test_a_name_in_capitals_is_another_certificate_for_the_same_name(made: Path) -> None:
    certificates.ensure(made, domain="data.example.org")
    assert certificates.ensure(made, domain="DATA.EXAMPLE.ORG") == ["tls.pem"]
    assert certificates.ensure(made, domain="DATA.EXAMPLE.ORG") == []
