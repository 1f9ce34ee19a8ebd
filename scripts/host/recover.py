"""`make recover`: the same stack on a bare host, of a fresh clone, a repository and two files.

The repository's key and the settings come from those files. All other secrets are made here: the
provisioner sets the passwords of the database to them, as ever. What was only in Redis, in
pgAdmin or in uploads that no job had read is not in the repository.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from scripts.host import (
    backups,
    credentials,
    database,
    environment,
    repository,
    restoring,
    scratch,
    stack,
    targets,
)
from scripts.host.compose import Compose
from scripts.host.console import Phases, columns, confirm, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session

EXAMPLE = "make recover FROM=/mnt/backups KEY=/root/backup_key SETTINGS=/root/settings.env"
# The largest tables, each as the statement that counts its rows.
LARGEST = """
select format('select %L, count(*) from %I.%I;',
              format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|information_schema$|_?timescaledb_)' and c.relkind in ('r', 'p')
   and not c.relispartition
 order by coalesce((select hypertable_size(c.oid) from timescaledb_information.hypertables as h
                     where h.hypertable_schema = n.nspname and h.hypertable_name = c.relname),
                   pg_total_relation_size(c.oid)) desc
 limit 8;
"""


def recover(root: Path, origin: str, key: str, settings: str, to: str) -> int:
    """Bring the stack up with the database of a repository; 1 where it was not wanted.

    `origin` is the folder of the repository, or empty where the settings name a bucket. Raises
    Refused with every fault, and nothing is changed where the project has a database already.
    """
    phases = Phases()
    with stack.only_one(root), scratch.only_one(root):
        with phases.phase("two files") as phase:
            values = _settings(root, origin, key, settings)
            phase.result = f"{key} and {settings}"
        if not _wanted(values):
            return 1
        _place(root, origin, key, settings)
        compose = stack.prepare(root, phases)
        note = restoring.noted(root)
        if not (note and note.volume == compose.volume):
            _fill(compose, phases, key, to)
            compose = stack.load(root, environment.NAMES)
        stack.start(compose, phases)
        with phases.phase("drift") as phase:
            if database.provision(root, ["drift"]):
                raise Refused([Fault("drift", "the database is not what the schema says", DRIFT)])
            phase.result = "the database is what the schema says"
        restoring.forget(root)
    info("")
    info(phases.table())
    info("")
    info(_counted(compose))
    info("")
    info(stack.addresses(compose, first=False))
    info("")
    info("Log in with the passwords of then; every other secret is new, and log-ins have ended.")
    info("Not in the repository, and so not here: messages in Redis (jobs that had not ended are")
    info("sent again), pgAdmin's own files, and uploads that no job had read.")
    return 0


DRIFT = "read what differs above: make apply changes the database to it"


def _fill(compose: Compose, phases: Phases, key: str, to: str) -> None:
    """Restore into a new volume, and switch to it."""
    with phases.phase("repository") as phase:
        if compose.values["BACKUP_PATH"]:
            repository.own(compose)
        try:
            target = targets.choose(to, scratch.look(compose), datetime.now(UTC))
        except Refused as refused:
            # It may be the wrong one: the next try brings its own.
            if Path(key).resolve() != compose.secret(backups.KEY).resolve():
                compose.secret(backups.KEY).unlink()
            raise Refused(refused.faults) from None
        if faults := restoring.room(target):
            raise Refused(faults)
        phase.result = f"{target.backup} of {target.size / 1e6:,.0f} MB"
    restoring.abandon(compose)
    with restoring.new_volume(compose, target) as volume:
        restoring.fill(compose, phases, volume, target)
        environment.change(compose.root, DB_VOLUME=volume)


def _settings(root: Path, origin: str, key: str, settings: str) -> dict[str, str]:
    """The settings of the file; raises Refused with every fault of what was given."""
    faults = [
        Fault(f"{name}={value}", "is not a file that can be read", EXAMPLE)
        for name, value in (("KEY", key), ("SETTINGS", settings))
        if not (value and os.access(value, os.R_OK) and Path(value).is_file())
    ]
    if faults:
        raise Refused(faults, untouched=True)
    try:
        values = environment.overlay(environment.read(Path(settings)), os.environ)
    except Refused as refused:
        raise Refused(refused.faults, untouched=True) from None
    bucket = values.get("BACKUP_S3_BUCKET")
    if not origin and not bucket:
        what = "is missing: the settings name no bucket"
        faults.append(Fault("FROM", what, EXAMPLE))
    if origin and not (Path(origin) / "backup").is_dir():
        what = "holds no repository: it has a folder backup and a folder archive"
        faults.append(Fault(f"FROM={origin}", what, EXAMPLE))
    # The volume that they name is the other host's; ours, after a recover that was interrupted.
    ours = environment.read(root / ".env") if (root / ".env").exists() else {"DB_VOLUME": ""}
    compose = Compose(root, {**values, "DB_VOLUME": ours["DB_VOLUME"]})
    mine = restoring.noted(root)
    if compose.has_data() and not (mine and mine.volume == compose.volume):
        what = f"this project has a database already, in the volume {compose.volume}"
        todo = "make restore brings it to another time; COMPOSE_PROJECT_NAME=… makes another stack"
        faults.append(Fault(compose.project, what, todo))
    for source, file in ((settings, root / ".env"), (key, compose.secret(backups.KEY))):
        if file.exists() and not _same(root, Path(source), file):
            what = "is there, and is not the file that was given"
            faults.append(Fault(environment.shown(file), what, "move it away"))
    if faults:
        raise Refused(faults, untouched=True)
    return values


def _same(root: Path, source: Path, file: Path) -> bool:
    """Whether a file is the one that was given, or what an interrupted recover made of it."""
    if file.name != ".env":
        return source.read_bytes() == file.read_bytes()
    changed = {"BACKUP_PATH", "DB_VOLUME"}
    here, there = environment.read(file), environment.read(source)
    return all(here[name] == there[name] for name in here.keys() - changed)


def _wanted(values: dict[str, str]) -> bool:
    info(f"This makes the stack {values['COMPOSE_PROJECT_NAME']} with the database of the")
    info("repository, which it goes on to archive to: the host of before must not run any more.")
    if os.environ.get("FORCE") == "yes" or confirm("", values["COMPOSE_PROJECT_NAME"]):
        return True
    warn("nothing was changed (FORCE=yes recovers without asking)")
    return False


def _place(root: Path, origin: str, key: str, settings: str) -> None:
    """Both files where the stack has them, with the repository's folder and no volume yet."""
    if not (root / ".env").exists():
        text = Path(settings).read_text(encoding="utf-8")
        environment.replace(root / ".env", text, 0o644)
        environment.change(root, DB_VOLUME="")
    if origin:
        environment.change(root, BACKUP_PATH=str(Path(origin).resolve()))
    compose = stack.load(root, environment.NAMES)
    folder = stack.secrets_folder(root, compose.values)
    stack.refuse(credentials.check(folder, in_use=()))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment.replace(folder / backups.KEY, Path(key).read_text(encoding="ascii"), 0o444)


def _counted(compose: Compose) -> str:
    with Session(compose.services()[scratch.DATABASE].container) as ask:
        found = [ask(each).strip().split("|") for each in ask(LARGEST).splitlines()]
    return columns([(name, f"{int(count):,} rows") for name, count in found], right={1})
