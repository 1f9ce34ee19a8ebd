"""The repository of backups: pgBackRest's configuration, and its record of this cluster.

The entrypoint calls `prepare` at each start. The configuration has the repository's key in it, so
that it is a file of the tmpfs that nobody else may read, made of the secrets. Where the key is not
mounted nothing is archived; Compose always mounts it.
"""

import json
import os
import re
import subprocess
import time
from pathlib import Path

SECRETS = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
CONFIG = Path(os.environ.get("PGBACKREST_CONFIG", "/run/postgresql/pgbackrest.conf"))
STANZA = os.environ.get("PGBACKREST_STANZA", "timestack")
HOST_CA = SECRETS / "host_ca"
KEY, S3_KEY, S3_KEY_SECRET = "backup_key", "backup_s3_key", "backup_s3_key_secret"
MIB = 1024 * 1024
# Seconds that a start waits for a repository elsewhere; the next backup makes up for it.
PATIENCE = 15
# pgBackRest's codes of errors: the repository is another cluster's; WAL is pushed there now.
OTHER_CLUSTER, BUSY = 28, 50
# Of a record whose making was killed or cut off.
HALF_MADE = "archive.info exists but backup.info is missing"
# Seconds between two attempts, and how many.
BREATH, ATTEMPTS = 0.5, 20
LONGEST = 500
# What is read with another key than it was written with is not text.
OTHER_KEY = re.compile(r"load info file.*(FormatError|CryptoError)|cipher header", re.DOTALL)


class Away(Exception):
    """The repository cannot be used; str() is a sentence with pgBackRest's reason and `code`."""

    def __init__(self, text: str, code: int = 0):
        super().__init__(text)
        self.code = code


def pgbackrest(*words: str, timeout: float | None = None) -> str:
    """Standard output of one command; raises Away with the last thing that it said."""
    try:
        done = subprocess.run(
            ["pgbackrest", *words],
            capture_output=True,
            text=True,
            # What another key makes of a file is not text, and it may be in an error.
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Away(f"pgbackrest {words[0]}: no answer in {timeout:.0f} s") from None
    if done.returncode:
        raise failed(words[0], done.returncode, done.stdout + done.stderr)
    return done.stdout


def failed(command: str, code: int, output: str) -> Away:
    """What is said of a command that ended with this code; below 0, by a signal."""
    if code < 0:
        return Away(f"pgbackrest {command} was ended by signal {-code}")
    if OTHER_KEY.search(output):
        return Away(
            f"the secret {KEY} is not the key that the repository was made with: put that one "
            "back, or use an empty repository"
        )
    text = output.partition("ERROR:")[2] or output
    why = " ".join(text.partition("HINT:")[0].split())[:LONGEST]
    return Away(f"pgbackrest {command}: {why or f'exit code {code}'}", code)


def has_key() -> bool:
    """Whether there is a repository to archive to."""
    return (SECRETS / KEY).is_file()


def _secret(name: str) -> str:
    path = SECRETS / name
    return path.read_text().strip() if path.is_file() else ""


def store() -> dict[str, str]:
    """Where the repository is: a folder, or a bucket of a store that speaks S3."""
    if not (bucket := os.environ.get("BACKUP_S3_BUCKET")):
        return {"path": "/var/lib/pgbackrest"}
    host, _, port = os.environ.get("BACKUP_S3_ENDPOINT", "").partition(":")
    return {
        "type": "s3",
        "path": os.environ.get("BACKUP_S3_PATH") or "/timestack",
        "s3-bucket": bucket,
        "s3-endpoint": host,
        "storage-port": port or "443",
        "s3-region": os.environ.get("BACKUP_S3_REGION", ""),
        "s3-uri-style": os.environ.get("BACKUP_S3_STYLE") or "host",
        "s3-key": _secret(S3_KEY),
        "s3-key-secret": _secret(S3_KEY_SECRET),
        # The authorities that the host trusts, such as that of a store in the house.
        **({"storage-ca-file": str(HOST_CA)} if HOST_CA.is_file() else {}),
    }


def queue(pgdata: Path) -> int:
    """Bytes of WAL that may wait: a tenth of the volume, from 256 MiB to 16 GiB.

    Beyond it what waits is dropped, and the next backup begins a new range that can be restored to.
    An archive that is away must not fill the volume, since a full one stops the database.
    """
    found = os.statvfs(pgdata)
    return min(max(found.f_blocks * found.f_frsize // 10, 256 * MIB), 16 * 1024 * MIB)


def configuration(pgdata: Path, run: Path, cpus: int) -> str:
    """The text of pgbackrest.conf."""
    repository = {
        **store(),
        "cipher-type": "aes-256-cbc",
        "cipher-pass": _secret(KEY),
        # Chunks are many small files, and of a large one a backup has what changed in it.
        "bundle": "y",
        "block": "y",
        "retention-full": os.environ.get("BACKUP_KEEP_FULL") or "4",
        "retention-diff": os.environ.get("BACKUP_KEEP_DIFF") or "14",
    }
    common = {
        **{f"repo1-{name}": value for name, value in repository.items()},
        "compress-type": "zst",
        "start-fast": "y",
        "process-max": str(max(1, cpus // 2)),
        "log-level-console": "warn",
        "log-level-file": "off",
        "lock-path": str(run / "pgbackrest-lock"),
        # Notes of a few bytes on what was archived. On the volume, a full one could not be emptied.
        "spool-path": str(run / "pgbackrest-spool"),
    }
    push = {"archive-async": "y", "archive-push-queue-max": str(queue(pgdata.parent))}
    cluster = {"pg1-path": str(pgdata), "pg1-socket-path": str(run), "pg1-user": "postgres"}
    sections = {"global": common, "global:archive-push": push, STANZA: cluster}
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines.items()), ""])
        for name, lines in sections.items()
    )


def configure(pgdata: Path, run: Path, cpus: int) -> None:
    """Write the configuration; whoever reads it finds the old file or the new one."""
    for name in ("pgbackrest-lock", "pgbackrest-spool"):
        (run / name).mkdir(mode=0o700, exist_ok=True)
    unfinished = CONFIG.with_name(CONFIG.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(configuration(pgdata, run, cpus))
    unfinished.rename(CONFIG)


def settle(timeout: float | None = None) -> str:
    """Have the repository know this cluster; returns what was done, empty where it did.

    After a move the volume holds another cluster, perhaps of another major: it follows the one
    before in the same repository, whose backups stay. Needs no running server. Raises Away.
    """
    for _ in range(ATTEMPTS):
        try:
            pgbackrest("stanza-create", "--no-online", timeout=timeout)
            return ""
        except Away as error:
            if error.code == OTHER_CLUSTER:
                pgbackrest("stanza-upgrade", "--no-online", timeout=timeout)
                return "the repository of backups goes on with this cluster, after another one"
            if error.code != BUSY and not (HALF_MADE in str(error) and _begin_again()):
                raise
        time.sleep(BREATH)
    # WAL is pushed all the time, so that the repository knows the cluster.
    return ""


def _begin_again() -> bool:
    """Whether a record that was broken off while it was made could be taken out.

    WAL without a backup restores nothing, so that nothing is lost. With one, nothing is touched.
    """
    listed = json.loads(pgbackrest("repo-ls", "--recurse", "--output=json", f"backup/{STANZA}"))
    if any(entry.get("type") == "file" for entry in listed.values()):
        return False
    pgbackrest("repo-rm", "--recurse", f"archive/{STANZA}")
    return True


def settings() -> dict[str, str]:
    """PostgreSQL's own: whether and how WAL is archived."""
    if not has_key():
        return {"archive_mode": "off"}
    return {
        "archive_mode": "on",
        "archive_command": "pgbackrest archive-push %p",
        # So much is lost at most where the host is lost with its disk.
        "archive_timeout": "60s",
    }
