"""A copy of the project, in which `make` is run as a reader runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
from pathlib import Path

import httpx

from tests.stack import ADMIN_EMAIL, ROOT, TOKEN_FIELD, docker, free_port


class Checkout:
    """A copy of the project's files, with a project name and ports of its own in `.env`."""

    # Of its images; empty: that of the tests' own.
    tag = ""

    def __init__(self, folder: Path, project: str, **settings: str) -> None:
        self.folder, self.project, self.settings = folder, project, settings
        self.https_port = free_port()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self.write_settings()

    def write_settings(self, *more: str) -> None:
        example = (self.folder / ".env.example").read_text()
        changes = {
            "COMPOSE_PROJECT_NAME": self.project,
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(self.https_port),
            "DB_MEMORY": "512m",
            **self.settings,
        }
        for key, value in changes.items():
            example = re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", example)
        (self.folder / ".env").write_text(example + "".join(f"{line}\n" for line in more))

    def make(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--silent", *words],
            cwd=self.folder,
            input=stdin,
            env={**self.environment, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment without what a `make test` around it left there."""
        outer = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}
        given = {name: value for name, value in os.environ.items() if name not in outer}
        return {**given, **({"TIMESTACK_TAG": self.tag} if self.tag else {})}

    def sql(self, statement: str) -> str:
        """What the database answers, a line for each row, columns apart by "|"."""
        done = self.make("psql", "ARGS=-A -t", stdin=statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def killed_at(self, phase: str, *words: str, **env: str) -> str:
        """Run `make up`, or these words, and kill all of it when `phase` begins; its output."""
        process = subprocess.Popen(
            ["make", "--silent", *(words or ("up",))],
            cwd=self.folder,
            env={**self.environment, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith(f"{phase} …"):
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.wait()
        return "".join(lines)

    def client(self) -> httpx.Client:
        """A browser that trusts this stack's own certificate authority and no other."""
        context = ssl.create_default_context(cafile=str(self.folder / ".secrets" / "ca.pem"))
        url = f"https://localhost:{self.https_port}"
        return httpx.Client(base_url=url, verify=context, timeout=60)

    def get(self, path: str) -> httpx.Response:
        with self.client() as client:
            return client.get(path)

    def log_in(self, password: str, client: httpx.Client | None = None) -> httpx.Response:
        """Submit the administrator's log-in; 302 is success."""
        client = client or self.client()
        token = TOKEN_FIELD.search(client.get("/login").text)[1]
        words = {"csrf_token": token, "email": ADMIN_EMAIL, "password": password}
        return client.post("/login", data=words)

    @property
    def containers(self) -> list[str]:
        return docker(
            "ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}"
        ).split()
