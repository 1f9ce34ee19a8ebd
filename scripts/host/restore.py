"""`make restore`: the database as it was at a moment, in a new volume; the old one is kept.

What runs goes on until the restored cluster stands, unless the newest is asked for: then nothing
may be written meanwhile. Where it fails before the switch, what ran before runs.
"""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from scripts.host import backups, database, environment, restoring, scratch, stack, targets
from scripts.host.compose import Compose, docker
from scripts.host.console import Phases, confirm, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session, SessionError

# They hold nothing of the database, and say so to whoever asks meanwhile.
KEPT = {"traefik", "redis", "platform"}
# Seconds until a segment of WAL is in the repository.
ARCHIVED_SECONDS = 120
# What backups.py ends with where another backup is being taken.
ANOTHER = 2
# A commit, which a time can be reached by, and the segment that it is in.
COMMIT = "select pg_current_xact_id();"
SEGMENT = "select pg_walfile_name(pg_switch_wal());"
ARCHIVED = "select last_archived_wal >= '{}' from pg_stat_archiver;"


def restore(root: Path, to: str) -> int:
    """Restore to a time, a backup or the newest, and switch to it; 1 where it was not wanted."""
    phases = Phases()
    with stack.only_one(root), scratch.only_one(root):
        compose = stack.load(root, environment.NAMES)
        note = restoring.noted(root)
        if note and note.volume == compose.volume:
            info(f"a restore to {note.target} was interrupted after its switch: it goes on")
            return _finish(root, compose, phases, note.old)
        with phases.phase("preflight") as phase:
            target, is_live = _preflight(compose, to)
            phase.result = f"{target.backup} of {target.size / 1e6:,.0f} MB"
        if not _wanted(compose, target):
            return 1
        restoring.abandon(compose)
        before, old = _at_work(compose), compose.volume
        try:
            with restoring.new_volume(compose, target) as volume:
                if target.kind == "default" and is_live:
                    _stop(compose, phases)
                elif target.kind == "time" and is_live:
                    with phases.phase("archive") as phase:
                        phase.result = _archive(compose)
                restoring.fill(compose, phases, volume, target)
                _stop(compose, phases)
                environment.change(root, DB_VOLUME=volume)
        except BaseException:
            if stopped := before - _at_work(compose):
                compose.read("start", *sorted(stopped))
            raise
        return _finish(root, stack.load(root, environment.NAMES), phases, old)


def _preflight(compose: Compose, to: str) -> tuple[targets.Target, bool]:
    """What will be restored, and whether the database runs; raises Refused, nothing changed."""
    if os.environ.get("DB_VOLUME"):
        what = "is set in your shell, or by make, and would win over what a restore writes to .env"
        raise Refused([Fault("DB_VOLUME", what, "unset DB_VOLUME")], untouched=True)
    if to:
        # Before anything is asked: what it is must be clear.
        targets.LABEL.fullmatch(to) or targets.moment_of(to)
    faults = restoring.others(compose)
    found = scratch.look(compose)
    state = compose.services().get(scratch.DATABASE)
    is_live = state is not None and state.good
    target = targets.choose(to, found, datetime.now(UTC), is_live=is_live)
    faults += restoring.room(target)
    if faults:
        raise Refused(faults, untouched=True)
    return target, is_live


def _wanted(compose: Compose, target: targets.Target) -> bool:
    info(f"This restores the database to {target}.")
    info(f"It goes into a new volume; {compose.volume} is kept, with all that was written since.")
    if target.kind == "default":
        info("The stack is stopped first, and starts with what was restored.")
    else:
        info("The stack runs until that is done, then stops, and starts with what was restored.")
    if os.environ.get("FORCE") == "yes" or confirm("", compose.project):
        return True
    warn("nothing was changed (FORCE=yes restores without asking)")
    return False


def _at_work(compose: Compose) -> set[str]:
    """The services that run and may work on the database."""
    found = compose.services().items()
    return {name for name, each in found if each.state == "running"} - KEPT


def _stop(compose: Compose, phases: Phases) -> None:
    """Stop them, unless that is done. All of the WAL is in the repository then."""
    names = sorted(_at_work(compose))
    if names:
        with phases.phase("stop") as phase:
            compose.read("stop", *names)
            phase.result = f"{len(names)} services"


def _archive(compose: Compose) -> str:
    """Have all that is committed by now in the repository; raises Refused where it does not
    arrive."""
    try:
        with Session(f"{compose.services()[scratch.DATABASE].container}") as ask:
            ask(COMMIT)
            segment = wait_archived(ask)
    except (SessionError, TimeoutError) as error:
        todo = "make backups says what is wrong with the repository; see make logs S=timescaledb"
        raise Refused([Fault("archive", str(error), todo)]) from None
    return segment


def wait_archived(ask: Session) -> str:
    """End the segment of WAL that is written, and wait until it is in the repository; its name.

    Raises TimeoutError when it is not in time.
    """
    segment = ask(SEGMENT).strip()
    deadline = time.monotonic() + ARCHIVED_SECONDS
    while ask(ARCHIVED.format(segment)).strip() != "t":
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"WAL segment {segment} is not in the repository after {ARCHIVED_SECONDS} s"
            )
        time.sleep(0.2)
    return segment


def _finish(root: Path, compose: Compose, phases: Phases, old: str) -> int:
    """Start the stack on the restored volume, compare it with what is declared, and back it up."""
    stack.start(compose, phases)
    (server,) = (each for each in compose.containers() if _is_database(each))
    if compose.volume not in {each.get("Name") for each in server["Mounts"]}:
        todo = "make down, then make restore goes on"
        raise Refused([Fault(scratch.DATABASE, f"does not use {compose.volume}", todo)])
    with phases.phase("drift") as phase:
        done = database.provision(root, ["drift"])
        if done:
            todo = "read what differs above: make apply changes the database to it"
            raise Refused([Fault("drift", "the database is not what the schema says", todo)])
        phase.result = "the database is what the schema says"
    restoring.forget(root)
    with phases.phase("backup") as phase:
        phase.result = _back_up(compose)
    info("")
    info(phases.table())
    info("")
    info(f"The old volume is kept: {old}")
    info("  make restore CONFIRM=yes deletes it, once all is as you want it")
    info(f"  DB_VOLUME={old} in .env and make up go back to it")
    return 0


def _is_database(container: dict) -> bool:
    return container["Config"]["Labels"]["com.docker.compose.service"] == scratch.DATABASE


def _back_up(compose: Compose) -> str:
    """A backup of the new timeline, so that the next restore need not go by the old one."""
    done = subprocess.run(
        [*compose.command, "exec", "-T", backups.SERVICE, *backups.PROGRAM, "take", "diff"],
        env=compose.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == ANOTHER:
        return "one is taken already"
    if done.returncode:
        warn(f"the stack runs, but no backup could be taken: {done.stderr.strip()}")
        return "not taken: make backup takes one"
    return "of the restored database"


def drop_old(root: Path) -> int:
    """Delete the volumes that restores and moves have left behind, after asking."""
    with stack.only_one(root):
        compose = stack.load(root)
        restoring.abandon(compose)
        prefix = f"{compose.project}_timescaledb-data"
        names = docker("volume", "ls", "-q", "--filter", f"name=^{prefix}").split()
        old = [name for name in names if name != compose.volume]
        if not old:
            info(f"there is no old volume; the stack's is {compose.volume}")
            return 0
        info(f"This deletes, with all that is in them, and keeps {compose.volume}:")
        for name in old:
            info(f"  volume {name}")
        if os.environ.get("FORCE") != "yes" and not confirm("", compose.project):
            warn("nothing was deleted (FORCE=yes deletes without asking)")
            return 1
        docker("volume", "rm", *old)
        left = docker("volume", "ls", "-q", "--filter", f"name=^{prefix}").split()
        used = [name for name in old if name in left]
        if used:
            todo = "stop what uses it: docker ps -a --filter volume="
            raise Refused([Fault(name, "is in use", f"{todo}{name}") for name in used])
    return 0
