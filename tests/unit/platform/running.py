"""The simulated platform as a container runs it: a process of its own, on free ports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.stack import free_port, wait_until

FOLDER = Path(__file__).resolve().parents[3] / "services" / "platform"
PASSWORD = "simulated-Passw0rd-0123456789"


@dataclass(frozen=True)
class Platform:
    """``log`` is the file that its output goes to."""

    process: subprocess.Popen[bytes]
    url: str
    smtp_port: int
    log: Path

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of its HTTP side, by default without any token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def serves(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(directory: Path) -> Iterator[Platform]:
    """Start it with PASSWORD, wait until it serves, and end it."""
    (directory / "password").write_text(PASSWORD + "\n")
    http_port, smtp_port = free_port(), free_port()
    command = [sys.executable, "-m", "media_platform", "--bind", "127.0.0.1"]
    ports = ["--http-port", str(http_port), "--smtp-port", str(smtp_port)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(FOLDER),
        "PLATFORM_PASSWORD_FILE": str(directory / "password"),
    }
    log = directory / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, *ports], env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            platform = Platform(process, f"http://127.0.0.1:{http_port}", smtp_port, log)
            wait_until(platform.serves, "the simulated platform serves")
            yield platform
        finally:
            process.kill()
