"""The secrets: random text made once, one file each, and kept; and what only the owner can write.

Services read them as files under ``/run/secrets``. The directory is the owner's alone (0700) while
the files are readable to all (0444), so that whichever user a container runs as can read the few
that are mounted into it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from pathlib import Path

from scripts.host.environment import barred, replace, shown
from scripts.host.faults import Fault, Refused
from timestack.shared.allowed import store_key, webhook
from timestack.shared.roles import BY_SECRET

RANDOM = (
    *BY_SECRET,
    "redis_password",
    # What backups are encrypted with: without it nothing can be restored.
    "backup_key",
    # The key that signs sessions, and the one before its last rotation.
    "secret_key",
    "secret_key_previous",
    # The first password of ADMIN_EMAIL, which its first log-in changes.
    "admin_password",
    # Proofs that a request comes from the proxy.
    "pgadmin_proxy_secret",
    "flower_proxy_secret",
    # Proof that an alarm comes from Alertmanager.
    "alarms_secret",
    # The simulated platform's; to be replaced by a real one's token.
    "platform_password",
    # To be replaced by the mail server's password.
    "smtp_password",
)

# What only the owner can write, with the check of it: made empty, which means that there is none.
OWN = {
    # Where notifications go, beside NOTIFY_EMAIL.
    "notify_webhook": webhook,
    # What the store of BACKUP_S3_BUCKET gave.
    "backup_s3_key": store_key,
    "backup_s3_key_secret": store_key,
}

BYTES = 32


def check(directory: Path, *, in_use: Collection[str]) -> list[Fault]:
    """Faults of the secrets that exist; changes nothing.

    ``in_use`` names those that the stack's services have already: a missing file of these is a
    loss. Any other one is made by ``ensure``: after a first run that was interrupted, or since it
    is new in this version.
    """
    where = shown(directory)
    try:
        mode = directory.stat().st_mode
    except FileNotFoundError:
        if not in_use:
            return []
        what = "the folder of secrets is missing, but the database that uses them is there"
        return [Fault(where, what, _restore("it"))]
    except OSError as error:
        return [_read_fault(where, error)]
    if not directory.is_dir():
        todo = "move it away, or set SECRETS_PATH in .env to another folder"
        return [Fault(where, "a file, where the folder of secrets belongs", todo)]
    error = barred(directory)
    if error:
        return [_read_fault(where, error)]
    faults = []
    if mode & 0o077:
        what = f"open to other users of this host (mode {mode & 0o777:04o})"
        faults.append(Fault(where, what, f"close it: chmod 700 {where}"))
    for name in RANDOM:
        faults += _faults_of(directory / name, in_use=name in in_use)
    for name in OWN:
        faults += _faults_of_own(directory / name)
    return faults


def ensure(directory: Path) -> list[str]:
    """Generate what is missing and return the names made; existing ones stay as they are.

    Call ``check`` first. Raises Refused when a file cannot be written.
    """
    made = []
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (*RANDOM, *OWN):
            if not (directory / name).exists():
                own = name in OWN
                text = "" if own else secrets.token_urlsafe(BYTES) + "\n"
                replace(directory / name, text, 0o644 if own else 0o444)
                made.append(name)
    except OSError as error:
        where = shown(Path(error.filename or directory))
        todo = f"check that {shown(directory)} can be written to and the disk has space"
        raise Refused([Fault(where, f"cannot be written: {error.strerror}", todo)]) from error
    return made


_RENEW = "`make secrets` generates what is missing and the services take it at the next `make up`"


def _faults_of(path: Path, *, in_use: bool) -> list[Fault]:
    where = shown(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if not in_use:
            return []
        what = "the secret is missing, but the services use it already"
        return [Fault(where, what, _restore("the file"))]
    except IsADirectoryError:
        # Docker makes one where a file to be mounted is missing.
        return [Fault(where, "a directory, not a file", f"remove it (rmdir {where}); {_RENEW}")]
    except OSError as error:
        return [_read_fault(where, error)]
    text = content.rstrip(b"\n")
    if not text:
        return [Fault(where, "the file is empty", f"restore a copy, or remove it; {_RENEW}")]
    if not re.fullmatch(rb"[!-~]+", text):
        what = "has blanks, a carriage return or characters beyond ASCII in it"
        todo = f"write the secret on one line with nothing else, or remove the file; {_RENEW}"
        return [Fault(where, what, todo)]
    if path.name.startswith("secret_key") and len(text) < BYTES:
        what = f"has {len(text)} characters, fewer than the {BYTES} that signing needs"
        return [Fault(where, what, f"write a longer one, or remove the file; {_RENEW}")]
    return []


def _faults_of_own(path: Path) -> list[Fault]:
    where = shown(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except FileNotFoundError:
        return []
    except IsADirectoryError:
        return [Fault(where, "a directory, not a file", f"remove it (rmdir {where}); {_RENEW}")]
    except OSError as error:
        return [_read_fault(where, error)]
    wrong = OWN[path.name](text) if text else None
    return [Fault(where, *wrong)] if wrong else []


def _restore(what: str) -> str:
    return f"restore {what} from a copy; or run `make secrets`:\n     {_RENEW}"


def _read_fault(where: str, error: OSError) -> Fault:
    todo = "run as the user who made it, or give it to yourself with chown"
    return Fault(where, f"cannot be read: {error.strerror}", todo)
