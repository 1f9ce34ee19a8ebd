"""The edge's TLS against Mozilla's intermediate profile, as an independent scanner judges it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts.host import tools
from scripts.host.console import Phases
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.stack

# What the profile is about; a check that could not be run proves nothing.
CHECKS = {
    "ssl_2_0_cipher_suites",
    "ssl_3_0_cipher_suites",
    "tls_1_0_cipher_suites",
    "tls_1_1_cipher_suites",
    "tls_1_2_cipher_suites",
    "tls_1_3_cipher_suites",
    "elliptic_curves",
    "certificate_info",
    "heartbleed",
    "robot",
    "openssl_ccs_injection",
    "tls_fallback_scsv",
    "tls_compression",
    "session_renegotiation",
    "tls_extended_master_secret",
}


@pytest.fixture(scope="module")
def scanner() -> str:
    """The scanner's Python, in an environment of its own, made when it is first asked for."""
    with Phases().phase("scanner") as phase:
        tools.environment(ROOT, phase, tools.SCAN)
    return tools.SCAN.path(ROOT, "python")


@pytest.fixture(scope="module")
def scan(
    stack: Stack, scanner: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess, dict]:
    """One scan: the finished process and what it wrote of the server."""
    file = tmp_path_factory.mktemp("tls") / "scan.json"
    done = run(scanner, stack.https_port, stack.secrets / "ca.pem", file)
    assert file.exists(), done.stdout + done.stderr
    return done, json.loads(file.read_text())["server_scan_results"][0]


def run(scanner: str, port: int, authority: Path, file: Path) -> subprocess.CompletedProcess:
    """Scan 127.0.0.1 by the name localhost; our own authority counts as a trusted one."""
    return subprocess.run(
        [
            *(scanner, "-m", "sslyze", "--mozilla_config", "intermediate", "--sni", "localhost"),
            *("--certinfo_ca_file", str(authority), "--json_out", str(file), f"127.0.0.1:{port}"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_check_of_the_profile_was_made(scan) -> None:
    _, result = scan
    assert result["scan_status"] == "COMPLETED"
    states = {check: result["scan_result"][check]["status"] for check in CHECKS}
    assert states == dict.fromkeys(CHECKS, "COMPLETED")


def test_the_edge_keeps_to_mozillas_intermediate_profile(scan) -> None:
    done, _ = scan
    assert done.returncode == 0, done.stdout
    assert "127.0.0.1" in done.stdout
    assert "OK - Compliant" in done.stdout, done.stdout


def test_only_tls_1_2_and_1_3_are_spoken(scan) -> None:
    checks = scan[1]["scan_result"]
    spoken = {
        check
        for check in CHECKS
        if check.endswith("cipher_suites") and checks[check]["result"]["is_tls_version_supported"]
    }
    assert spoken == {"tls_1_2_cipher_suites", "tls_1_3_cipher_suites"}
