"""A wrong clock, an ended certificate, a full disk."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from scripts.host import certificates
from tests.faults.ledger import Ledger
from tests.faults.processes import children, kill, main_process
from tests.stack import ROOT, Stack, docker, make_secrets, wait_until

pytestmark = pytest.mark.stack

CLOCK = ROOT / "tests" / "faults" / "clock.yaml"
BACK = CLOCK.with_name("clock-back.yaml")
LEAVES = ("tls.pem", "db_tls.pem")
DAY = timedelta(days=1)
NOW = ("python", "-c", "import time; print(time.time())")
FILL = """
import os
file = os.open("/tmp/filling", os.O_CREAT | os.O_WRONLY)
try:
    while True:
        os.write(file, b"x" * 65536)
except OSError as error:
    print(error.strerror)
"""


REPLACE = ("up", "--detach", "--no-deps", "--force-recreate", "timescaledb", "traefik")


@pytest.fixture(scope="module", autouse=True)
def a_day_old(stack: Stack) -> None:
    """Certificates of yesterday: by a clock that is behind, new ones are not valid yet."""
    for name in ("ca.pem", *LEAVES):
        overwrite(stack.secrets / name, dated(stack.secrets, name, begins=DAY, ends=-DAY))
    done = stack.compose(*REPLACE)
    assert done.returncode == 0, done.stderr
    wait_until(stack.all_healthy, "all are healthy", deadline=120)


def test_clocks_are_five_minutes_off(stack: Stack, ledger: Ledger, prove) -> None:
    off = ("-f", str(CLOCK))
    bring = ("up", "--detach", "--no-deps", "worker", "beat")
    try:
        with ledger.flow():
            ledger.submit(10, seconds=1)
            done = stack.compose(*off, *bring, "--build")
            assert done.returncode == 0, done.stderr
            for service, minutes in (("worker", 5), ("beat", -5)):
                clock = float(docker("exec", stack.inspect(service)["Id"], *NOW))
                assert abs(clock - time.time() - minutes * 60) < 60, service
            wait_until(stack.all_healthy, "both are healthy")
            ledger.submit(50, seconds=0.2)
        prove("worker's clock 5 minutes ahead, beat's 5 behind")
    finally:
        stack.compose(*bring)


def test_the_clock_of_everything_is_set_back_an_hour(
    stack: Stack, ledger: Ledger, prove, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    tmp_path.chmod(0o755)
    monkeypatch.setenv("CLOCK", str(tmp_path))
    services = ("timescaledb", "web", "worker", "beat")
    bring = ("up", "--detach", "--no-deps", *services)
    try:
        done = stack.compose("-f", str(BACK), *bring, "--build")
        assert done.returncode == 0, done.stderr
        wait_until(stack.all_healthy, "all are healthy", deadline=300)
        ledger.submit(20, seconds=1)
        ledger.wait_until_running()
        offset.write_text("-1h")
        # A session that begins in the future is none: people log in again, and can.
        ledger.log_in_again()
        with ledger.flow():
            for service in services[1:]:
                clock = float(docker("exec", stack.inspect(service)["Id"], *NOW))
                assert abs(clock - time.time() + 3600) < 60, service
            ((database,),) = stack.sql("select extract(epoch from now())::float8")
            assert abs(float(database) - time.time() + 3600) < 60
            ledger.submit(50, seconds=0.2)
        prove("every clock is set back an hour")
    finally:
        stack.compose(*bring)


def test_the_certificates_have_expired(stack: Stack, ledger: Ledger, prove) -> None:
    before = {name: (stack.secrets / name).read_bytes() for name in LEAVES}
    ledger.submit(20, seconds=0.5)
    try:
        for name in LEAVES:
            overwrite(stack.secrets / name, dated(stack.secrets, name, begins=2 * DAY, ends=DAY))
        # Its successors would take its place.
        overwrite(stack.secrets / "tls_later.pem", b"")
        stack.compose(*REPLACE)
        # Whoever checks certificates gets no page, and the web no connection to its database.
        wait_until(lambda: "certificate has expired" in refusal(stack), "clients are told")
        careless = httpx.Client(base_url=stack.url, verify=False, timeout=30)  # noqa: S501
        ready = "/health/ready"
        wait_until(lambda: careless.get(ready).status_code == 503, "the web is not ready")
        wait_until(lambda: "certificate verify failed" in stack.logs("beat"), "beat says why")
        assert (stack.secrets / "db_tls.pem").read_bytes() != before["db_tls.pem"]
        ends = certificates.expiries(stack.secrets)
        assert all(ends[name] < datetime.now(UTC) for name in LEAVES)
    finally:
        # What `make up` does: it renews them before anything starts.
        make_secrets(stack.secrets)
        stack.compose(*REPLACE)
    wait_until(lambda: not refusal(stack), "the proxy answers", deadline=120)
    ledger.submit(20)
    prove("the certificates of proxy and database have expired")


def refusal(stack: Stack) -> str:
    """Why a client gets no page; empty where it does."""
    try:
        stack.client().get("/health/live")
    except httpx.HTTPError as error:
        return str(error)
    return ""


def overwrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o444)


def dated(directory: Path, name: str, *, begins: timedelta, ends: timedelta) -> bytes:
    """The certificate of this name as it would be had it begun and ended so long ago."""
    present = x509.load_pem_x509_certificate((directory / name).read_bytes())
    key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(present.subject)
        .issuer_name(present.issuer)
        .public_key(present.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - begins)
        .not_valid_after(now - ends)
    )
    for each in present.extensions:
        made = made.add_extension(each.value, each.critical)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_workers_tmp_is_full(stack: Stack, ledger: Ledger, prove) -> None:
    wait_until(lambda: children(main_process(stack, "worker")), "the worker has its pool")
    worker = stack.inspect("worker")
    # What it logs cannot fill anything: the engine keeps the last files, of a size.
    assert {"max-size", "max-file"} <= worker["HostConfig"]["LogConfig"]["Config"].keys()
    with ledger.flow():
        ledger.submit(10, seconds=1)
        said = docker("exec", worker["Id"], "python", "-c", FILL)
        assert said == "No space left on device\n"
        try:
            ledger.submit(50, seconds=0.2)
            # A new process has no room either.
            kill(stack, "worker", children(main_process(stack, "worker"))[-1])
            ledger.submit(20)
            check = ("python", "timestack/tasks/heartbeat.py", "worker")
            docker("exec", worker["Id"], *check)
        finally:
            docker("exec", worker["Id"], "rm", "/tmp/filling")
    prove("the worker's /tmp is full")
