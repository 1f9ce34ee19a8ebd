"""A second cluster beside the running one: its image, its volume, its container.

It is the running one's service with another image and volume, in a Compose file of its own that is
there until the volume is the stack's: the next move removes by it what a killed one has left.
The volume says what it was made from, so that the way back is known for as long as it is there.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scripts.host import environment, images
from scripts.host.compose import TAG, Compose, docker, image
from scripts.host.console import Phase
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session
from timestack.shared.roles import OWNER

DATABASE, NEXT = "timescaledb", "timescaledb-next"
# The certificate is made for the other name: the authority alone is looked at.
URL = (
    f"postgresql://{OWNER.name}@{NEXT}:5432/timestack"
    "?sslmode=verify-ca&sslrootcert=/run/secrets/ca.pem"
)
# Its rows are a copy, which is made again if they are lost. No job of TimescaleDB's changes them
# while they are compared.
OPTIONS = {
    "timescaledb.max_background_workers": "0",
    "synchronous_commit": "off",
    "max_wal_size": "8GB",
}
MOVED_FROM, BASE_BEFORE = "org.timestack.moved-from", "org.timestack.base-before"


class Before(NamedTuple):
    """What a volume was made from: another volume, and the TIMESCALEDB_BASE of that one's image."""

    volume: str
    base: str


class Beside(Compose):
    """Compose on the project's files with the second cluster in them."""

    def __init__(self, compose: Compose, base: str) -> None:
        super().__init__(compose.root, compose.values)
        self.before = Before(compose.volume, compose.values["TIMESCALEDB_BASE"])
        self.base = base
        default = f"{compose.project}_timescaledb-data"
        self.new_volume = f"{default}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        self.image = f"{image(DATABASE)}-next"

    def command_for(self, project: str) -> list[str]:
        command = super().command_for(project)
        return [*command, "-f", str(self._file)] if self._file.exists() else command

    @property
    def container(self) -> str:
        """The id of its container, empty when there is none."""
        return self.read("ps", "-aq", NEXT).strip()

    def build(self, phase: Phase) -> None:
        """Build its image, under a tag of its own: the running one keeps its own."""
        values = {**self.values, "TIMESCALEDB_BASE": self.base}
        compose = Compose(self.root, values)
        images.ensure_base(compose, phase)
        images.build_beside(compose, phase, DATABASE, f"{TAG}-next")
        phase.result = self.image

    def start(self, phase: Phase, log: Path) -> None:
        """Make the volume and the cluster, and wait until it answers."""
        self._describe()
        labels = {
            MOVED_FROM: self.before.volume,
            BASE_BEFORE: self.before.base,
            # As Compose labels the volumes that it makes, which it then takes for its own.
            "com.docker.compose.project": self.project,
            "com.docker.compose.volume": "timescaledb-data",
        }
        words = [word for pair in labels.items() for word in ("--label", "=".join(pair))]
        docker("volume", "create", *words, self.new_volume)
        try:
            phase.run(
                [*self.command, "--progress=plain", "up", "-d", "--no-deps", "--wait", NEXT],
                log,
                what="the new cluster did not start",
                todo="the lines above say why; read them in full in the log",
                env=self.environment,
            )
        except Refused as refused:
            lines = self.read("logs", "--no-color", "--no-log-prefix", "--tail", "15", NEXT)
            fault = Fault(f"image {self.image}", lines.strip(), "choose another one")
            raise Refused([*refused.faults, fault] if lines.strip() else refused.faults) from None

    def session(self, database: str = "timestack") -> Session:
        return Session(self.container, database)

    def stop(self) -> None:
        """Stop it in order, and remove its container; what it holds stays on its volume."""
        if self.container:
            with suppress(Exception), self.session("postgres") as ask:
                # The rest of the stop is short then.
                ask("checkpoint;")
        self.read("rm", "--stop", "--force", NEXT)

    def clear(self) -> None:
        """Remove what an unfinished move has made, this one or one that was killed."""
        if not self._file.exists():
            return
        self.read("kill", NEXT)
        self.read("rm", "--stop", "--force", NEXT)
        left = json.loads(self._file.read_text())["volumes"][NEXT]["name"]
        if left != self.volume:
            docker("volume", "rm", left)
        self.done()

    def done(self) -> None:
        """Note that nothing is left to be removed."""
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.root / "build" / "move.json"

    def _describe(self) -> None:
        """Write the file; what other services ask of the running one, this one has not."""
        service = self.config()["services"][DATABASE]
        for name in ("build", "depends_on", "ports"):
            service.pop(name, None)
        service |= {
            "image": self.image,
            "command": [word for pair in OPTIONS.items() for word in ("-c", "=".join(pair))],
            "networks": {"data": None},
            "environment": {**service["environment"], "INSIDE_NAME": ""},
            # Without the key of backups nothing is archived.
            "secrets": [
                each for each in service["secrets"] if not each["source"].startswith("backup_")
            ],
            "volumes": [f"{NEXT}:/var/lib/postgresql"],
            "restart": "no",
        }
        volume = {"name": self.new_volume, "external": True}
        content = {"services": {NEXT: service}, "volumes": {NEXT: volume}}
        self._file.parent.mkdir(exist_ok=True)
        environment.replace(self._file, json.dumps(content, indent=1), 0o644)


def before(volume: str) -> Before | None:
    """What a volume was made from by a move; None for any other."""
    found = json.loads(docker("volume", "inspect", volume) or "[]")
    labels = (found[0]["Labels"] or {}) if found else {}
    if MOVED_FROM not in labels:
        return None
    return Before(labels[MOVED_FROM], labels.get(BASE_BEFORE, ""))


def made_from(volume: str) -> list[str]:
    """The volumes that moves have made from this one."""
    return docker("volume", "ls", "-q", "--filter", f"label={MOVED_FROM}={volume}").split()


def there(volume: str) -> bool:
    return volume in docker("volume", "ls", "-q").split()
