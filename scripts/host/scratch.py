"""A container of the database's image beside the stack, which may read the repository of backups.

It is made as Compose makes the database's own, but for the network: it has none, or, where the
repository is at a store elsewhere, one that nothing of the stack is on. The repository is mounted
to be read, so that whatever happens in the container leaves it as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.host.compose import Compose, docker, image, one_off
from scripts.host.faults import Fault, Refused
from scripts.host.images import image_id
from scripts.host.mounts import bind

DATABASE = "timescaledb"
FILES, REPOSITORY = "/var/lib/postgresql", "/var/lib/pgbackrest"
PROGRAM = "/usr/local/lib/timestack/restore.py"
# What pgBackRest calls bytes that it cannot read: of another key, mostly.
UNREADABLE = ("FormatError", "CryptoError", "[095]", "[031]")
# Of the stack's secrets, those that a repository needs.
SECRETS = ("backup_key", "backup_s3_key", "backup_s3_key_secret")


def label(compose: Compose, purpose: str) -> str:
    """Whose it is, for who must clean up after a `make` that was killed."""
    return f"org.timestack.{purpose}={compose.project}"


def command(
    compose: Compose, volume: str, *words: str, purpose: str = "restore", memory: str = ""
) -> list[str]:
    """The `docker run` of PROGRAM with these words; an empty volume is none."""
    config = compose.config()
    service = config["services"][DATABASE]
    network = ["--network", "bridge"] if compose.values.get("BACKUP_S3_BUCKET") else []
    options = [
        *("--init", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--pids-limit", "512", "--memory", memory or compose.values["DB_MEMORY"]),
        *("--shm-size", str(service["shm_size"]), "--label", label(compose, purpose)),
        *(word for place in service["tmpfs"] for word in ("--tmpfs", place)),
        *_environment(service.get("environment", {})),
        *(word for name in SECRETS for word in _secret(compose, name)),
        *network,
    ]
    if volume:
        options += ["--mount", f"type=volume,source={volume},target={FILES}"]
    for each in service["volumes"]:
        if each["target"] == REPOSITORY:
            options += _repository(config, each)
    return one_off(image(DATABASE), "python3", PROGRAM, *words, options=options)


def _environment(values: dict[str, str | None]) -> list[str]:
    # What tells the server's own networks apart has no meaning here.
    return [
        word
        for name, value in values.items()
        if name != "INSIDE_NAME"
        for word in ("--env", f"{name}={value or ''}")
    ]


def _secret(compose: Compose, name: str) -> tuple[str, ...]:
    file = compose.secret(name)
    return bind(file.resolve(), f"/run/secrets/{name}") if file.is_file() else ()


def _repository(config: dict, mount: dict) -> Sequence[str]:
    if mount["type"] == "bind":
        return bind(Path(mount["source"]), REPOSITORY)
    name = config["volumes"][mount["source"]]["name"]
    return ("--mount", f"type=volume,source={name},target={REPOSITORY},readonly")


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock of restores and drills; raises Refused where one is at work."""
    path = root / "build" / "restore.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fault = Fault(str(root), "a restore or a drill is at work", "wait for its end")
            raise Refused([fault], untouched=True) from None
        yield


def look(compose: Compose) -> dict:
    """What is in the repository and in the database's volume; raises Refused where it cannot be
    read: the key does not fit, or it is away."""
    if not image_id(image(DATABASE)):
        what = "the engine does not answer this user, or has no such image"
        raise Refused([Fault(image(DATABASE), what, "make up, or make doctor")], untouched=True)
    volume = compose.volume if compose.has_data() else ""
    done = subprocess.run(
        command(compose, volume, "look"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused([fault(done.stderr)], untouched=True)
    return json.loads(done.stdout)


def fault(said: str) -> Fault:
    """What is wrong with the repository, by what was said of it."""
    text = " ".join(said.strip().splitlines()[-1:]) or "does not answer"
    if any(each in text for each in UNREADABLE):
        todo = "put the key that these backups were made with into backup_key under SECRETS_PATH"
        return Fault(
            "backup_key", f"does not open the repository, or that is damaged: {text}", todo
        )
    return Fault("repository of backups", text, "make backups, make logs S=timescaledb")


def clean(compose: Compose, purpose: str = "restore") -> None:
    """Remove the containers and volumes with the label of this purpose."""
    mark = ("--filter", f"label={label(compose, purpose)}")
    if left := docker("ps", "-aq", *mark).split():
        docker("rm", "--force", "--volumes", *left)
    if left := docker("volume", "ls", "-q", *mark).split():
        docker("volume", "rm", *left)
