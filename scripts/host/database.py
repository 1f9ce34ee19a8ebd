"""The database from the host: psql and the provisioner's commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.host import environment, stack
from scripts.host.compose import Compose, docker
from scripts.host.faults import Fault, Refused
from scripts.host.mounts import mounted

# Where the provisioner looks for what describes the database.
SCHEMA = "/app/schema"
# A one-off container of the provisioner; its command follows.
RUN = ("--progress=quiet", "run", "--rm", "--no-deps", "-T", "provision")


def running(
    root: Path, used: frozenset[str] = environment.IDENTITY, service: str = "timescaledb"
) -> Compose:
    """Compose with the settings of `stack.load`, when the service is up; else raises Refused."""
    compose = stack.load(root, used)
    found = compose.services().get(service)
    if found is None and not docker("version"):
        todo = (
            "start it, or join the group docker (`sudo usermod -aG docker $USER`) and log in again"
        )
        raise Refused([Fault("container engine", "does not answer this user", todo)])
    if found is None or found.state != "running":
        raise Refused([Fault(service, "is not running", "bring the stack up: make up")])
    return compose


def psql(root: Path, arguments: list[str]) -> int:
    """A session as the administrator, over the socket inside the container.

    From a terminal it is interactive; otherwise SQL is read from standard input and the first
    error ends it with a code other than 0.
    """
    compose = running(root)
    where = ("psql", "-X", "-d", "timestack")
    if sys.stdin.isatty():
        return compose.run("exec", "timescaledb", *where, *arguments)
    return compose.run("exec", "-T", "timescaledb", *where, "-v", "ON_ERROR_STOP=1", *arguments)


def files(root: Path, arguments: list[str]) -> int:
    """List or delete tracked files and their queue; the scanner itself runs where the files are."""
    given = arguments or ["list", "files"]
    return running(root).run(*RUN, "python", "-m", "scripts.scan", "--stack", *given)


def provision(root: Path, arguments: list[str]) -> int:
    """One command of the provisioner, on the schema as it is now and not as it was built."""
    # What is only rendered needs no database.
    compose = stack.load(root) if "--offline" in arguments else running(root)
    return _on_schema(compose, root, ["scripts.provision", *arguments])


def alerts(root: Path, arguments: list[str]) -> int:
    """What the alert rules find now, as the file is now and not as it was built."""
    # Only a look needs the database.
    compose = stack.load(root) if arguments[:1] in (["check"], ["rules"]) else running(root)
    return _on_schema(compose, root, ["timestack.shell", "alerts", *arguments])


def _on_schema(compose: Compose, root: Path, words: list[str]) -> int:
    """Run a module of Python in a one-off container that has the schema's folder; its status."""
    with mounted(compose, "provision", {SCHEMA: stack.schema(root)}) as command:
        return subprocess.run(
            [*command, *RUN, "python", "-m", *words],
            env=compose.environment,
            stdin=subprocess.DEVNULL,
            check=False,
        ).returncode
