"""`make upgrade`: newer packages of the same PostgreSQL and TimescaleDB, after a backup.

The server replaces its libraries, and its entrypoint has the extension follow in place (ALTER
EXTENSION). What that cannot do, another major or another edition, is `make move`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.host import backups, database, deploy, environment, images, stack, versions
from scripts.host.beside import DATABASE
from scripts.host.compose import TAG, Compose, docker, image, image_id
from scripts.host.console import Phases, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session

WITHOUT = "--without-backup"


def upgrade(root: Path, arguments: Sequence[str]) -> int:
    """Build on the newest packages, take a backup, and start the database on them."""
    phases = Phases()
    with stack.only_one(root):
        compose = database.running(root, environment.NAMES)
        new = f"{image(DATABASE)}-next"
        with phases.phase("new image") as phase:
            images.build_beside(compose, phase, DATABASE, f"{TAG}-next", newest=True)
            try:
                now, then = _versions(compose, new)
            except BaseException:
                docker("rmi", new)
                raise
            phase.result = f"from {now} to {then}"
        if now == then:
            docker("rmi", new)
            info("There is nothing newer.")
            return 0
        if WITHOUT not in arguments:
            backups.backup(root, "")
        _change(compose, new, phases)
    if now.timescaledb != then.timescaledb:
        warn("the extension was changed in place: the way back is the backup")
    info("")
    info(phases.table())
    return 0


def _change(compose: Compose, new: str, phases: Phases) -> None:
    """Start the stack on the new image; where the database does not start, on the old one again."""
    old = image_id(image(DATABASE))
    docker("tag", new, image(DATABASE))
    docker("rmi", new)
    try:
        deploy.start(compose, phases)
    except Refused:
        found = compose.services().get(DATABASE)
        if found is not None and found.good:
            # The fault is another one, and older packages might not read what these have changed.
            raise
        warn("the database does not start on the new packages: going back to those of before")
        docker("tag", old, image(DATABASE))
        deploy.start(compose, phases)
        raise


def _versions(compose: Compose, new: str) -> tuple[versions.Version, versions.Version]:
    """Of the running database and of the image; raises Refused where that is not an upgrade."""
    with Session(compose.services()[DATABASE].container) as ask:
        now = versions.of_database(ask)
    then = versions.of_image(new)
    other_major = then.postgresql[0] != now.postgresql[0]
    if other_major or then.older_than(now) or then.edition != now.edition:
        what = f"{now} would become {then}"
        raise Refused([Fault("make upgrade", what, "make move does that")], untouched=True)
    return now, then
