"""The web as its container runs it, on this host and a port of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.stack import free_port, wait_until

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "services" / "web"
SCHEMA = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"
THREADS = 8


class Web:
    """gunicorn with our configuration."""

    def __init__(self, port: int, process: subprocess.Popen, log: Path):
        self.port, self.process, self._log = port, process, log

    @property
    def url(self) -> str:
        """As a browser asks: by this name it keeps cookies that are for HTTPS only."""
        return f"http://localhost:{self.port}"

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def status(self, path: str = "/version") -> int:
        with closing(self.connect()) as connection:
            return ask(connection, "GET", path)

    def begin(self, opened: ExitStack, sent: bytes) -> socket.socket:
        line = opened.enter_context(socket.create_connection(("127.0.0.1", self.port), 10))
        line.sendall(sent)
        return line

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def memory(self) -> int:
        """Bytes that the processes hold."""
        pids = [f"-p{pid}" for pid in self.workers()]
        done = subprocess.run(
            ["ps", "-o", "rss=", *pids], capture_output=True, text=True, check=True
        )
        return 1024 * sum(int(size) for size in done.stdout.split())

    def workers(self) -> list[int]:
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return sorted(int(pid) for pid in done.stdout.split())


def ask(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
    """The status of one request; what is answered is read to its end."""
    kind = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body, kind)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextmanager
def serving(
    log: Path, environment: Mapping[str, str], folder: Path = WEB, port: int | None = None
) -> Iterator[Web]:
    """The web in ``folder`` with these variables beside this process's; its lines go to a file."""
    port = port or free_port()
    command = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"]
    variables = {
        "SCHEMA_FILE": str(SCHEMA),
        "PYTHONPATH": str(folder),
        "WEB_THREADS": str(THREADS),
        # Tests ask more often than people.
        "API_RATE": "100000/minute",
    }
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *command, "timestack.wsgi:app"],
            cwd=folder,
            env={**os.environ, **variables, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    web = Web(port, process, log)
    try:
        wait_until(lambda: answers(web), "the web answers", 120)
        yield web
    finally:
        process.terminate()
        process.wait(40)


def answers(web: Web) -> bool:
    try:
        return web.status() == 200
    except OSError:
        return False
