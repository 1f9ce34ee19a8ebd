"""A restored cluster in a volume of its own: made beside what runs, and only then switched to.

What is on its way is noted in build/restoring.json, so that the next `make` knows the volume that
one which was killed has left behind.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.host import environment, preflight, scratch, stack
from scripts.host.compose import Compose, docker
from scripts.host.console import Phase, Phases
from scripts.host.faults import Fault, Refused
from scripts.host.targets import Target

NOTE = "build/restoring.json"
# The disk holds the files of the backup, the WAL that is replayed, and the stack goes on writing.
ROOM = 1.2


@dataclass(frozen=True)
class Note:
    """`target` is being restored into `volume`; `old` is what .env named before."""

    volume: str
    old: str
    target: str


def noted(root: Path) -> Note | None:
    try:
        return Note(**json.loads((root / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget(root: Path) -> None:
    (root / NOTE).unlink(missing_ok=True)


def abandon(compose: Compose) -> None:
    """Remove what an earlier restore left: its container, and its volume unless it is in use."""
    scratch.clean(compose)
    note = noted(compose.root)
    if note and note.volume != compose.volume:
        docker("volume", "rm", note.volume)
        forget(compose.root)


def others(compose: Compose) -> list[Fault]:
    """What runs beside the services, such as `make load`: a restore would pull the database from
    under it."""
    labels = (f"com.docker.compose.project={compose.project}", "com.docker.compose.oneoff=True")
    filters = [word for label in labels for word in ("--filter", f"label={label}")]
    names = docker("ps", "--format", "{{.Names}}", *filters).split()
    todo = "wait for its end, or stop it: docker stop"
    return [Fault(name, "is at work on this stack", f"{todo} {name}") for name in names]


def room(target: Target) -> list[Fault]:
    return preflight.disk(stack.engine_folder(), int(target.size * ROOM))


@contextmanager
def new_volume(compose: Compose, target: Target) -> Iterator[str]:
    """The name of a new volume; where the block fails it is removed, and nothing was changed."""
    name = f"{compose.project}_timescaledb-data-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    note = compose.root / NOTE
    note.parent.mkdir(exist_ok=True)
    content = {"volume": name, "old": compose.volume, "target": target.value or target.backup}
    environment.replace(note, json.dumps(content), 0o644)
    # As Compose would make it.
    labels = (f"com.docker.compose.project={compose.project}",
              "com.docker.compose.volume=timescaledb-data")  # fmt: skip
    docker("volume", "create", *(word for each in labels for word in ("--label", each)), name)
    try:
        yield name
    except BaseException:
        abandon(compose)
        raise


def fill(compose: Compose, phases: Phases, volume: str, target: Target) -> dict:
    """Restore into the volume and recover; returns what restore.py says of it, once it is stopped.

    Raises Refused where this code or this image cannot work with what was restored.
    """
    with phases.phase("restore") as phase:
        run(compose, phase, volume, "fetch", json.dumps(target.request))
        phase.result = f"the files of {target.backup}"
    with phases.phase("recover") as phase:
        found = json.loads(run(compose, phase, volume, "recover"))
        faults = preflight.migrations(
            compose.root / stack.MIGRATIONS, {found["migration"]} - {None, ""}
        )
        if faults:
            raise Refused(faults)
        phase.result = f"up to {target}"
    return found


def run(compose: Compose, phase: Phase, volume: str, *words: str) -> str:
    """One command of restore.py in a volume; its last line. Raises Refused with what it says."""
    process = subprocess.Popen(
        scratch.command(compose, volume, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    last = ""
    for line in process.stdout:
        last = line.strip()
        phase.status = last
    said = process.stderr.read()
    if process.wait():
        raise Refused([scratch.fault(said)])
    return last
