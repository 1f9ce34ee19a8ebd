"""The repository of backups as the host sees it: a volume, or a folder of BACKUP_PATH."""

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.host.compose import Compose, image
from scripts.host.faults import Fault, Refused

SERVICE = "timescaledb"
INSIDE = "/var/lib/pgbackrest"


def place(compose: Compose) -> str:
    """The volume's name, or the folder's whole path."""
    folder = compose.values["BACKUP_PATH"]
    return str((compose.root / folder).resolve()) if folder else f"{compose.project}_backups"


def own(compose: Compose) -> None:
    """Let the image's user write to it: a folder of the host, or a volume of another image's user.

    Raises Refused where that cannot be done.
    """
    source = place(compose)
    if compose.values["BACKUP_PATH"]:
        Path(source).mkdir(mode=0o700, parents=True, exist_ok=True)
    script = (
        f'test "$(stat -c %U {INSIDE})" = postgres || chown -R postgres:postgres {INSIDE};'
        f" chmod 700 {INSIDE}"
    )
    label = ("--label", "com.docker.compose.project=")
    command = ["docker", "run", "--rm", "--network", "none", *label, "--user", "0:0"]
    done = subprocess.run(
        [*command, "-v", f"{source}:{INSIDE}", "--entrypoint", "sh", image(SERVICE), "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        todo = "choose a folder of a disk of this host for BACKUP_PATH in .env"
        raise Refused([Fault(source, done.stderr.strip(), todo)])
