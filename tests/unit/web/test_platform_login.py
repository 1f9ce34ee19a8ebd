"""Logging in at the upstream platform: one answer is success, everything else is a refusal."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import make_server

from media_platform.app import create_app
from tests.stack import BUSY, free_port
from tests.unit.platform.running import PASSWORD, Platform, running
from timestack.domains.platform import login
from timestack.domains.platform.login import Denied, Unavailable, log_in

NORTH = "north@platform.example"
CANARY = "canary-password-7d1f"
TOKEN = "canary-token-93ab"
GOOD = {
    "token": TOKEN,
    "expires_in": 3600,
    "account": {"id": "studio-north", "name": "Studio North", "email": NORTH},
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


def refused(url: str, user: str, password: str = CANARY, **options: object) -> Unavailable:
    """The refusal of a log-in, once it is shown to hold no secret and to come in time."""
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        log_in(url, user, password, **{"deadline": 5.0, **options})
    assert time.monotonic() - began < options.get("deadline", 5.0) + BUSY
    refusal = caught.value
    assert str(refusal) in (login.SILENT, login.UNUSABLE)
    for text in (str(refusal), repr(refusal), refusal.cause_text):
        assert CANARY not in text
        assert TOKEN not in text
    return refusal


# The simulated platform.


@pytest.mark.parametrize("name", ["north", "south", "harbor"])
def test_user_and_password_of_an_account_are_let_in(platform: Platform, name: str) -> None:
    began = datetime.now(UTC)
    done = log_in(platform.url, f"{name}@platform.example", PASSWORD)
    assert done.email == f"{name}@platform.example"
    assert done.account.startswith(("studio-", "harbor-"))
    assert done.name
    assert len(done.token.get_secret_value()) >= 32
    assert done.expires_at.tzinfo is UTC
    lasts = done.expires_at - began
    assert timedelta(seconds=3600) <= lasts < timedelta(seconds=3605)
    assert done.token.get_secret_value() not in f"{done!r} {done} {dataclasses.asdict(done)}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.account = "studio-south"


def test_the_token_opens_the_usage_of_its_account(platform: Platform) -> None:
    done = log_in(f"{platform.url}/", NORTH.upper(), PASSWORD)
    question = {"account": done.account, "from": "2025-01-01", "to": "2025-01-01"}
    with platform.client(done.token.get_secret_value()) as client:
        assert client.get("/api/usage", params=question).status_code == 200


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (NORTH, CANARY),
        (NORTH, ""),
        (NORTH, PASSWORD + "\n"),
        (NORTH, "\ud800"),
        (NORTH, "ü" * 10_000),
        ("nobody@platform.example", PASSWORD),
        ("\r\nX-Injected: 1@platform.example", PASSWORD),
        ("", PASSWORD),
    ],
)
def test_a_wrong_password_or_user_is_denied(platform: Platform, user: str, password: str) -> None:
    with pytest.raises(Denied) as caught:
        log_in(platform.url, user, password)
    assert str(caught.value) == login.DENIED
    assert "401" in caught.value.cause_text


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("error", "500"),
        ("html", "application/json"),
        ("empty", "token: Field required"),
        ("notoken", "token: Field required"),
        ("blanktoken", "token: "),
        ("list", "should be an object"),
        ("malformed", "Invalid JSON"),
        ("huge", "longer than 65536 bytes"),
        ("redirect", "302"),
        ("expired", "expires_in"),
        ("other", "another user"),
    ],
)
def test_an_answer_without_an_explicit_token_is_a_refusal(
    platform: Platform, name: str, cause: str
) -> None:
    refusal = refused(platform.url, f"{name}@platform.example", PASSWORD)
    assert str(refusal) == login.UNUSABLE
    assert cause in refusal.cause_text


@pytest.mark.parametrize("name", ["timeout", "drip"])
def test_the_deadline_holds_for_the_whole_answer(platform: Platform, name: str) -> None:
    refusal = refused(platform.url, f"{name}@platform.example", PASSWORD, deadline=1.5)
    assert str(refusal) == login.SILENT
    assert "1.5 s" in refusal.cause_text


def test_a_token_of_two_seconds_is_taken_with_its_end(platform: Platform) -> None:
    done = log_in(platform.url, "short@platform.example", PASSWORD)
    assert done.expires_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_it_can_be_asked_from_within_an_event_loop(platform: Platform) -> None:
    async def caller() -> login.Granted:
        return log_in(platform.url, NORTH, PASSWORD)

    assert asyncio.run(caller()).account == "studio-north"


# Answers that the simulated platform does not give.


@contextmanager
def answering(*parts: bytes, every: float = 0.0) -> Iterator[str]:
    """The URL of a server that reads a question and sends `parts`, with a pause after each."""
    stop = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                        if stop.wait(every):
                            return
                except OSError:
                    return

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join(10)


def response(body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def changed(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def account(**fields: object) -> bytes:
    return changed(account={**GOOD["account"], **fields})


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_the_well_formed_answer_is_success(kind: str) -> None:
    with answering(response(changed(more="ignored"), kind)) as url:
        done = log_in(url, NORTH, CANARY)
    assert done.token.get_secret_value() == TOKEN
    assert (done.account, done.name, done.email) == ("studio-north", "Studio North", NORTH)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"success"',
        b"success",
        b"[" * 60_000,
        b'{"token":' * 7_000,
        b"\xff\xfe{}",
        changed().decode().encode("utf-16"),
        changed()[:-1],
        changed() + changed(),
        changed(token=None),
        changed(token=True),
        changed(token=[TOKEN]),
        changed(token=" "),
        changed(token=f"{TOKEN}\r\nX-Injected: 1"),
        changed(token=f"{TOKEN}\n"),
        changed(token="tökèn"),
        changed(token="x" * 4097),
        changed(expires_in=None),
        changed(expires_in=True),
        changed(expires_in="3600"),
        changed(expires_in=-1),
        changed(expires_in=0.0),
        changed(expires_in=float("nan")),
        changed(expires_in=float("inf")),
        changed(expires_in=10**12),
        changed().replace(b"3600", b"1e999"),
        changed().replace(b"3600", b"9" * 5000),
        changed(account=None),
        changed(account="studio-north"),
        changed(account={"name": "Studio North", "email": NORTH}),
        account(id=""),
        account(id=7),
        account(id="studio north"),
        account(id="x" * 101),
        account(id="studio-north\n"),
        account(name="\x1b[31mred"),
        account(name=""),
        account(email=None),
        account(email=""),
        account(email="south@platform.example"),
        account(email=f"{NORTH} "),
        account(email=NORTH.replace("t", "\u1e97")),
    ],
    ids=lambda body: body[:60].decode("ascii", "replace"),
)
def test_whatever_else_has_status_200_is_a_refusal(body: bytes) -> None:
    with answering(response(body)) as url:
        refused(url, NORTH)


def test_letters_beyond_ascii_are_not_folded() -> None:
    # "\u017f" (long s) becomes "s" under casefold(), "\u212a" (Kelvin) becomes "k" under lower().
    with answering(response(account(email="skipper@platform.example"))) as url:
        refused(url, "\u017fkipper@platform.example")
    with answering(response(account(email="skipper@platform.example"))) as url:
        refused(url, "s\u212aipper@platform.example")


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"\x00" * 100],
        [b"SSH-2.0-OpenSSH\r\n"],
        [f"HTTP/1.1 {CANARY} {TOKEN}\r\n\r\n".encode()],
        [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{}"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000],
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        [response(changed()).replace(b"200 OK", b"201 Created")],
        [response(changed()).replace(b"200 OK", b"403 Forbidden")],
        [response(changed(), "text/plain")],
        [response(changed(), "application/json-seq")],
        [response(changed(), f"text/{CANARY}")],
        [response(changed(), more="Content-Encoding: gzip\r\n")],
        [response(changed()).replace(b"Content-Type: application/json\r\n", b"")],
    ],
    ids=lambda parts: parts[0][:40].decode("ascii", "replace"),
)
def test_what_is_no_good_http_is_a_refusal(parts: list[bytes]) -> None:
    with answering(*parts) as url:
        refused(url, NORTH)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(platform: Platform, status: int) -> None:
    to = f"Location: {platform.url}/api/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with answering(f"HTTP/1.1 {status} Moved\r\n{to}".encode()) as url:
        assert str(status) in refused(url, "redirect@platform.example").cause_text


def test_headers_that_arrive_byte_by_byte_are_past_the_deadline() -> None:
    whole = response(changed())
    drops = [whole[at : at + 1] for at in range(len(whole))]
    with answering(*drops, every=0.2) as url:
        assert str(refused(url, NORTH, deadline=1.0)) == login.SILENT


def test_interim_answers_without_end_are_past_the_deadline() -> None:
    with answering(*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 100, every=0.1) as url:
        assert str(refused(url, NORTH, deadline=1.0)) == login.SILENT


def test_a_port_that_nobody_listens_on_is_a_refusal() -> None:
    refusal = refused(f"http://127.0.0.1:{free_port()}", NORTH)
    assert str(refusal) == login.SILENT
    assert "no connection" in refusal.cause_text


@pytest.mark.parametrize(
    "url", ["", "platform", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://\x00"]
)
def test_an_address_that_is_none_is_a_refusal(url: str) -> None:
    refused(url, NORTH)


def test_a_proxy_of_the_environment_never_sees_the_password(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    assert log_in(platform.url, NORTH, PASSWORD).account == "studio-north"


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls_url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = make_server("127.0.0.1", 0, create_app(PASSWORD), threaded=True, ssl_context=context)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_a_certificate_that_nobody_vouches_for_is_a_refusal(tls_url: str) -> None:
    refusal = refused(tls_url, NORTH, PASSWORD)
    assert "CERTIFICATE_VERIFY_FAILED" in refusal.cause_text


def test_a_certificate_of_a_trusted_authority_is_taken(
    tls_url: str, trusting: ssl.SSLContext
) -> None:
    assert log_in(tls_url, NORTH, PASSWORD, verify=trusting).account == "studio-north"


def test_a_certificate_of_another_host_is_a_refusal(tls_url: str, trusting: ssl.SSLContext) -> None:
    other = tls_url.replace("127.0.0.1", "localhost")
    assert (
        "CERTIFICATE_VERIFY_FAILED" in refused(other, NORTH, PASSWORD, verify=trusting).cause_text
    )


def test_the_deadline_holds_within_tls(tls_url: str, trusting: ssl.SSLContext) -> None:
    user = "drip@platform.example"
    assert str(refused(tls_url, user, PASSWORD, verify=trusting, deadline=1)) == login.SILENT


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_of_the_other_scheme_is_a_refusal(
    platform: Platform, tls_url: str, scheme: str
) -> None:
    url = tls_url if scheme == "http" else platform.url
    refused(scheme + url[url.index(":") :], NORTH, PASSWORD)


def test_a_server_that_says_nothing_during_the_handshake_is_past_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert str(refused(url, NORTH, deadline=1)) == login.SILENT
