"""The rows of a move: copied by the provisioner beside both clusters, and compared."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from scripts.host import compare, database, readonly, stack
from scripts.host.beside import URL, Beside
from scripts.host.console import Phase, Phases
from scripts.host.faults import Fault, Refused
from scripts.host.mounts import mounted
from scripts.host.session import SOCKET, Session

# What the provisioner says (scripts/provision/copying.py).
READY = "ready for the rows"
LOG = "build/logs/move.log"
# Sums of floats depend on the order in which they are added up: what is computed again is counted.
COMPUTED = """
select format('%I.%I', view_schema, view_name) from timescaledb_information.continuous_aggregates;
"""
GRANT = "grant set on parameter session_replication_role to timestack_owner;"
REVOKE = "revoke set on parameter session_replication_role from timestack_owner;"
AT_SOCKET = ("-h", SOCKET, "-U", "postgres")


@contextmanager
def _provisioner(new: Beside) -> Iterator[list[str]]:
    """The beginning of a command that runs the provisioner beside both clusters."""
    with mounted(new, "provision", {database.SCHEMA: stack.schema(new.root)}) as command:
        *run, service = database.RUN
        # Its own rows come by the copy.
        yield [*command, *run, "-e", "SEED=no", service, "python", "-m", "scripts.provision"]


def provision(
    new: Beside,
    phase: Phase,
    words: Sequence[str],
    what: str,
    seen: Callable[[str], None] = lambda line: None,
) -> str:
    """Run a command of the provisioner on the new cluster; returns its last line.

    ``seen`` is given each line as it comes. Raises Refused where it fails, with its last lines.
    """
    lines = [""]

    def read(line: str) -> str | None:
        lines.append(line.strip())
        seen(lines[-1])
        return lines[-1] or None

    with _provisioner(new) as command:
        phase.run(
            [*command, *words, "--url", URL],
            new.root / LOG,
            what=what,
            todo="the lines above say what stopped it",
            env=new.environment,
            read=read,
        )
    return lines[-1]


def unknown(new: Beside, also: Sequence[str]) -> list[str]:
    """What the old database has, and nothing that the new one is made from."""
    with _provisioner(new) as command:
        done = subprocess.run(
            [*command, "unknown", "--url", URL, f"--also={','.join(also)}"],
            env=new.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in (0, 2) or (done.returncode and not done.stdout):
        raise Refused([Fault("database", done.stderr.strip(), "make logs S=timescaledb")])
    return done.stdout.splitlines()


def copy(old: str, new: Beside, also: Sequence[str], phases: Phases) -> float:
    """Copy every row from the container ``old``; ``also`` whole relations as pg_dump has them.

    Nobody can write from when everything is ready; returns that moment, of the monotonic clock.
    """
    began = 0.0

    def seen(line: str) -> None:
        nonlocal began
        if line == READY:
            began = time.monotonic()
            readonly.begin(old)

    with phases.phase("copy") as phase:
        lanes = max(2, os.cpu_count() or 2)
        with new.session() as ask:
            ask(GRANT)
            words = ("copy", "--wait", "--lanes", str(lanes))
            phase.result = provision(new, phase, words, "the copy broke off", seen)
            ask(REVOKE)
        if also:
            phase.status = f"also {', '.join(also)}"
            _take_along(old, new.container, also)
    return began


def _take_along(old: str, new: str, also: Sequence[str]) -> None:
    tables = [f"--table={name}" for name in also]
    read = ["docker", "exec", old, "pg_dump", *AT_SOCKET, *tables, "timestack"]
    psql = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *AT_SOCKET, "-d", "timestack")
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as dump:
        done = subprocess.run(
            ["docker", "exec", "--interactive", new, *psql],
            stdin=dump.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        said = "" if dump.stderr is None else dump.stderr.read()
    if dump.returncode or done.returncode:
        what = "\n".join(filter(None, (said.strip(), done.stderr.strip())))
        todo = "drop or declare what stands in the way, or leave it out"
        raise Refused([Fault(f"ALSO={','.join(also)}", what, todo)])


def prove(old: str, new: Beside, phases: Phases) -> None:
    """Compare every table of both by its rows' hash."""
    with phases.phase("compare") as phase:
        with ThreadPoolExecutor() as pool:
            here, there = pool.map(lambda each: _rows(each, phase), (old, new.container))
        with new.session() as ask:
            computed = set(ask(COMPUTED).split())
        found = compare.differences(_counted(here, computed), _counted(there, computed))
        if found:
            raise Refused([Fault("the copy", line, "run it again") for line in found])
        total = sum(each.count for each in here.values())
        phase.result = f"{len(here)} tables, {total:,} rows: equal by row hash"


def _rows(container: str, phase: Phase) -> dict[str, compare.Rows]:
    def tell(name: str) -> None:
        phase.status = name

    with Session(container) as ask:
        return compare.hashes(ask, tell)


def _counted(found: dict[str, compare.Rows], names: set[str]) -> dict[str, compare.Rows]:
    """The same, of some tables without the hash."""
    return {name: each._replace(hash="") if name in names else each for name, each in found.items()}
