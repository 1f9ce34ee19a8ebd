"""The database from the host: psql, the provisioner's commands, and loading a file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from scripts.host import environment, stack
from scripts.host.compose import Compose, docker
from scripts.host.faults import Fault, Refused


def running(root: Path, used: frozenset[str] = environment.IDENTITY) -> Compose:
    """Compose with the settings of `stack.load`, when the database is up; else raises Refused."""
    compose = stack.load(root, used)
    database = compose.services().get("timescaledb")
    if database is None and not docker("version"):
        todo = (
            "start it, or join the group docker (`sudo usermod -aG docker $USER`) and log in again"
        )
        raise Refused([Fault("container engine", "does not answer this user", todo)])
    if database is None or database.state != "running":
        raise Refused([Fault("timescaledb", "is not running", "bring the stack up: make up")])
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


def provision(root: Path, arguments: list[str]) -> int:
    """One command of the provisioner, on the schema folder as it is now and not as it was built."""
    # What is only rendered needs no database.
    compose = stack.load(root) if "--offline" in arguments else running(root)
    folder = f"{stack.schema(root)}:/app/schema:ro"
    return _run(compose, ("-v", folder), "scripts.provision", arguments)


def load(root: Path, arguments: list[str]) -> int:
    """Load FILE into TABLE; `arguments` are FILE, TABLE and the loader's own options.

    A file that the container's user may read is mounted, which shows its size and lets Parquet
    seek; any other, and `-`, is piped.
    """
    file, table, *options = arguments if len(arguments) > 1 else ["", ""]
    if not file or not table:
        raise Refused(
            [
                Fault(
                    "make load",
                    "needs FILE and TABLE",
                    "make load FILE=readings.csv TABLE=readings (FILE=- reads standard input)",
                )
            ]
        )
    compose = running(root)
    bar = ["--progress", "bar" if sys.stderr.isatty() else "plain"]
    command = ["--table", table, *bar, *options]
    quarantine = _quarantine(command)
    with open(quarantine or os.devnull, "wb") as set_aside:
        output = set_aside if quarantine else None
        if file == "-":
            return _run(compose, (), "scripts.provision.load", [*command, "-"], output, sys.stdin)
        path = _readable(file)
        if path.stat().st_mode & stat.S_IROTH:
            inside = f"/tmp/load/{path.name}"  # noqa: S108  (a mount point in the container)
            mount = ("-v", f"{path}:{inside}:ro")
            return _run(compose, mount, "scripts.provision.load", [*command, inside], output)
        with path.open("rb") as source:
            return _run(compose, (), "scripts.provision.load", [*command, "-"], output, source)


def _quarantine(command: list[str]) -> str | None:
    """Have the container write bad rows to its standard output; returns the file they go to."""
    for number, word in enumerate(command):
        if word == "--quarantine" and number + 1 < len(command):
            file, command[number + 1] = command[number + 1], "-"
            return file
        if word.startswith("--quarantine="):
            command[number] = "--quarantine=-"
            return word.removeprefix("--quarantine=")
    return None


def _readable(file: str) -> Path:
    path = Path(file).resolve()
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise Refused(
            [Fault(f"FILE={file}", str(error.strerror), "nothing was loaded; check the path")]
        ) from None


def _run(compose: Compose, options, module: str, arguments, output=None, source=None) -> int:
    command = [
        *(*compose.command, "--progress=quiet", "run", "--rm", "--no-deps", "-T"),
        *(*options, "provision", "python", "-m", module, *arguments),
    ]
    return subprocess.run(
        command,
        env=compose.environment,
        stdin=source or subprocess.DEVNULL,
        stdout=output,
        check=False,
    ).returncode
