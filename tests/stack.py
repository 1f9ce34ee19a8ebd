"""The whole stack under a project name of its own, on free ports, beside a running one."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import httpx
from testcontainers.compose import DockerCompose

from scripts.host.compose import LATEST, TAG, files
from tests.psql import Psql

# The stacks here have settings of their own, and the images that this folder's own stack has.
if TAG != LATEST:
    os.environ.setdefault("TIMESTACK_TAG", TAG)
ROOT = Path(__file__).resolve().parents[1]
ADMIN_EMAIL = "admin@example.org"
# The tests' choice instead of a first password.
PASSWORD = "correct horse battery staple"
TOKEN_FIELD = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
T = TypeVar("T")


# Ports below those that the kernel chooses from, a share for each process of pytest: no other
# program gets one between its choice and its use.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
SHARE = 1_500
PORTS = itertools.cycle(range(20_000 + WORKER * SHARE, 20_000 + (WORKER + 1) * SHARE))
# Another run on this host begins elsewhere.
next(itertools.islice(PORTS, os.getpid() % SHARE, None))


# Seconds that a machine with much else to do may add. For where what is looked for would take
# longer still: a limit beyond the end of a fault cannot fail.
BUSY = 8.0


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on, another one each time."""
    for port in PORTS:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports have no end")


def wait_until(condition: Callable[[], T], what: str, deadline: float = 60.0) -> T:
    """The first truthy answer of `condition`, asked four times a second.

    Raises AssertionError naming `what` when `deadline` seconds have passed.
    """
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:.0f} s: {what}; last answer {answer!r}")
        time.sleep(0.25)


# Options of PostgreSQL for data that need not survive a power cut: each commit that waits for the
# disk costs the processors of all tests. What dies with a process is the same.
VOLATILE = ("-c", "fsync=off", "-c", "full_page_writes=off")


class Stack(DockerCompose):
    """`docker compose` on the project's own files, with secrets and ports of its own.

    Parameters
    ----------
    directory
        An empty folder; holds `.env` and `.secrets` of this stack alone.
    options
        Options of PostgreSQL.
    settings
        `.env` keys that differ from the defaults.
    """

    def __init__(self, directory: Path, options: Sequence[str] = (), **settings: str) -> None:
        self.directory = directory
        self._psql: Psql | None = None
        self.project = f"timestack-test-{uuid.uuid4().hex[:8]}"
        self.http_port, self.https_port = free_port(), free_port()
        self.database_port = settings.get("DB_PORT", "")
        self.prefix = settings.get("URL_PREFIX", "")
        values = {
            "TIMESTACK_ENV": "test",
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.https_port),
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "SECRETS_PATH": str(self.secrets),
            "COMPOSE_PROFILES": "test",
            # Tests ask more often than people.
            "API_RATE": "100000/minute",
            # The simulated platform keeps the mails that it gets.
            "SMTP_HOST": "platform",
            "SMTP_PORT": "2525",
            "SMTP_TLS": "none",
            **settings,
        }
        env_file = directory / ".env"
        env_file.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        make_secrets(self.secrets)
        changes = directory / "options.yaml"
        # JSON is YAML.
        changes.write_text(json.dumps({"services": {"timescaledb": {"command": [*options]}}}))
        overlays = [f"compose/{name}" for name in (*files(values), "test.yaml")]
        super().__init__(
            context=ROOT,
            compose_file_name=[*overlays, str(changes)],
            env_file=str(env_file),
            wait=False,
        )

    @property
    def secrets(self) -> Path:
        return self.directory / ".secrets"

    @cached_property
    def compose_command_property(self) -> list[str]:
        command = super().compose_command_property
        return [*command, "--project-directory", str(ROOT), "--project-name", self.project]

    def start(self) -> None:
        """Bring every service up; raises with the logs of what did not become healthy."""
        super().start()
        wait_until(self.all_healthy, "every service is healthy", deadline=300)

    def stop(self, down: bool = True) -> None:
        if self._psql:
            self._psql.close()
        super().stop(down)

    def all_healthy(self) -> bool:
        states = self.states()
        waiting = {
            name: state for name, state in states.items() if state not in ("healthy", "exited 0")
        }
        dead = {name: state for name, state in waiting.items() if state.startswith("exited")}
        if dead:
            raise AssertionError(f"{dead}\n{self.logs(*dead)}")
        return bool(states) and not waiting

    def states(self) -> dict[str, str]:
        """Service name to `healthy`, `starting`, `unhealthy`, `running` or `exited N`."""
        found = {}
        for container in self.inspect_all():
            state = container["State"]
            name = container["Config"]["Labels"]["com.docker.compose.service"]
            if state["Status"] == "exited":
                found[name] = f"exited {state['ExitCode']}"
            else:
                found[name] = state.get("Health", {}).get("Status", state["Status"])
            # The engine's next probe may be minutes away (compose/test.yaml).
            if found[name] == "unhealthy" and passes(container):
                found[name] = "healthy"
        return found

    def inspect_all(self) -> list[dict]:
        """`docker inspect` of every container of this stack, the finished ones too."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = docker("ps", "-aq", "--filter", label).split()
        return json.loads(docker("inspect", *ids)) if ids else []

    def inspect(self, service: str) -> dict:
        for container in self.inspect_all():
            if container["Config"]["Labels"]["com.docker.compose.service"] == service:
                return container
        raise LookupError(f"no container of service {service} in {self.project}")

    def compose(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        """Run one compose command; the caller judges its exit code."""
        return subprocess.run(
            [*self.compose_command_property, *arguments],
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def exec(
        self, service: str, *command: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess:
        """Run a command in a service's container; the caller judges its exit code.

        By the engine alone: Compose would read the whole project each time.
        """
        return subprocess.run(
            ["docker", "exec", "--interactive", f"{self.project}-{service}-1", *command],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            check=False,
        )

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--no-color", "--tail", "60", *services).stdout

    def sql(self, statement: str) -> list[tuple[str, ...]]:
        """Rows of `statement`, each value as PostgreSQL writes it; run as the superuser."""
        if self._psql is None or not self._psql.is_open:
            self._psql = Psql(f"{self.project}-timescaledb-1", "timestack", "-F", "\t")
        return [tuple(line.split("\t")) for line in self._psql.ask(statement).splitlines()]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}{self.prefix}"

    def client(self, *, http2: bool = True, like: httpx.Client | None = None) -> httpx.Client:
        """A stranger's browser that trusts this stack's own certificate authority and no other.

        With the cookies and headers of the one that it is `like`.
        """
        context = ssl.create_default_context(cafile=str(self.secrets / "ca.pem"))
        known = {"cookies": like.cookies, "headers": like.headers} if like else {}
        return httpx.Client(base_url=self.url, verify=context, http2=http2, timeout=60, **known)

    @cached_property
    def visitor(self) -> httpx.Client:
        """A client that never logs in."""
        return self.client()

    @cached_property
    def http(self) -> httpx.Client:
        """The administrator, logged in once, the first password changed on the way."""
        client = self.client()
        answer = self.log_in(client, ADMIN_EMAIL, self.first_password)
        if answer.status_code != 302:
            answer = self.log_in(client, ADMIN_EMAIL, PASSWORD)
        assert answer.status_code == 302, answer.text
        form = client.get("/account/password")
        if "new_password" in form.text and self.must_change_password:
            words = {
                "password": self.first_password,
                "new_password": PASSWORD,
                "new_password_confirm": PASSWORD,
            }
            answer = self.submit(client, "/account/password", words)
            assert answer.status_code == 302, answer.text
        return ready_for_api(client)

    @cached_property
    def viewer(self) -> httpx.Client:
        """A viewer, made and logged in once."""
        return self.user("viewer@example.org", "viewer")

    def user(self, email: str, role: str, *more: str) -> httpx.Client:
        """Make a user by the provisioner's own command, log in and choose a password."""
        done = self.provision("user", email, "--role", role, *more)
        client = self.client()
        first = re.search(r"first password (\S+)", done.stdout)
        if first is None:
            answer = self.log_in(client, email, PASSWORD)
            assert answer.status_code == 302, answer.text
            return ready_for_api(client)
        answer = self.log_in(client, email, first[1])
        assert answer.status_code == 302, answer.text
        words = {
            "password": first[1],
            "new_password": PASSWORD,
            "new_password_confirm": PASSWORD,
        }
        answer = self.submit(client, "/account/password", words)
        assert answer.status_code == 302, answer.text
        return ready_for_api(client)

    def log_in(
        self, client: httpx.Client, email: str, password: str, **more: str
    ) -> httpx.Response:
        """Submit the log-in form as a browser does; 302 is success."""
        return self.submit(client, "/login", {"email": email, "password": password, **more})

    def submit(self, client: httpx.Client, path: str, words: dict[str, str]) -> httpx.Response:
        """Open a form and send it back filled in; redirects are not followed."""
        form = client.get(path)
        token = TOKEN_FIELD.search(form.text)
        assert token, f"{path} answered {form.status_code} and no form: {form.text[:500]}"
        return client.post(path, data={"csrf_token": token[1], **words})

    def provision(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the provisioner; raises with its output when it fails."""
        done = self.compose(
            *("run", "--rm", "--no-deps", "-T", "provision"),
            *("python", "-m", "scripts.provision", *arguments),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def first_password(self) -> str:
        return (self.secrets / "admin_password").read_text().strip()

    @property
    def must_change_password(self) -> bool:
        statement = f"select must_change_password from users where email = '{ADMIN_EMAIL}'"
        return self.sql(statement) == [("t",)]

    def raw(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> http.client.HTTPResponse:
        """One request over HTTP/1.1 with its path sent exactly as given; the body is read."""
        context = ssl.create_default_context(cafile=str(self.secrets / "ca.pem"))
        connection = http.client.HTTPSConnection(
            "localhost", self.https_port, context=context, timeout=60
        )
        connection.request(method, path, body=body or None, headers=headers or {})
        answer = connection.getresponse()
        answer.text = answer.read().decode(errors="replace")
        connection.close()
        return answer

    def cookies(self, client: httpx.Client) -> str:
        """The Cookie header of a client, for requests sent by other means."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


def passes(container: dict) -> bool:
    """Whether what `docker inspect` shows passes its own probe now."""
    probe = container["Config"]["Healthcheck"]["Test"][1:]
    command = ["docker", "exec", container["Id"], *probe]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def ready_for_api(client: httpx.Client) -> httpx.Client:
    """Send the CSRF token, which our pages' scripts take from a cookie, with every request."""
    token = next(c.value for c in client.cookies.jar if c.name.startswith("__Host-timestack-csrf"))
    client.headers["X-CSRFToken"] = token or ""
    return client


def docker(*arguments: str) -> str:
    """Standard output of one `docker` command; raises CalledProcessError when it fails."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


def forget_sensors(stack: Stack, condition: str) -> None:
    """Delete the sensors of which a condition of SQL is true, with their readings."""
    chosen = f"(select id from sensors where {condition})"
    stack.sql(f"delete from readings where sensor_id in {chosen}")
    stack.sql(f"delete from sensors where {condition}")


def make_secrets(path: Path) -> None:
    """Generate the secrets of one stack by the same code that `make up` runs."""
    subprocess.run(
        ["python3", "-m", "scripts.host", "secrets"],
        cwd=ROOT,
        env={**os.environ, "SECRETS_PATH": str(path), "ADMIN_EMAIL": ADMIN_EMAIL},
        check=True,
        capture_output=True,
    )
