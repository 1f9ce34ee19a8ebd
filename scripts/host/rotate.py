"""`make rotate SECRET=name`: a new secret in a running stack.

A role's password is first set in the database, then its file is written, then the containers that
mount it are replaced. After an interruption, `make up` sets the database to the files. The
session key becomes the previous one, so that everybody stays logged in. The administrator's
password is set only in the database; the next log-in must change it.
"""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

from scripts.host import credentials, database, deploy, stack
from scripts.host.compose import Compose
from scripts.host.console import Phases, info
from scripts.host.environment import NAMES, defaults, replace, shown
from scripts.host.faults import Fault, Refused
from timestack.shared.roles import BY_SECRET

# The previous session key is written when the current one is rotated; only the mail server can
# change its password; what backups are encrypted with already stays as it is.
KEPT = ("secret_key_previous", "smtp_password", "backup_key")
ROTATED = tuple(name for name in credentials.RANDOM if name not in KEPT)


def rotate(root: Path, name: str) -> None:
    """Replace one secret; raises Refused when there is none of that name or the stack is down."""
    if name not in ROTATED:
        todo = f"choose one of {', '.join(ROTATED)}"
        raise Refused([Fault(f"SECRET={name}", "is not a secret that can be rotated", todo)])
    with stack.only_one(root):
        compose = database.running(root, NAMES)
        folder = stack.secrets_folder(root, compose.values)
        stack.refuse(credentials.check(folder, in_use=compose.secrets_in_use()))
        if (
            name == "platform_password"
            and compose.values["PLATFORM_URL"] != defaults()["PLATFORM_URL"]
        ):
            what = f"is known to {compose.values['PLATFORM_URL']}, which alone can change it"
            todo = f"write the new one into {shown(compose.secret(name))}, then run make up"
            raise Refused([Fault(f"SECRET={name}", what, todo)])
        phases = Phases()
        password = secrets.token_urlsafe(32)
        with phases.phase("rotate") as phase:
            if name in BY_SECRET:
                set_password(compose, BY_SECRET[name].name, password)
            if name == "secret_key":
                before = compose.secret(name).read_text(encoding="ascii")
                replace(compose.secret("secret_key_previous"), before, 0o444)
            replace(compose.secret(name), f"{password}\n", 0o444)
            if name == "admin_password":
                set_admin_password(compose)
            phase.result = str(compose.secret(name))
        deploy.start(Compose(root, compose.values), phases)
    info(f"{name} is new, and the containers that mount it hold the new one")


def set_admin_password(compose: Compose) -> None:
    """Give ADMIN_EMAIL the password of the file, to be changed at its next log-in."""
    done = subprocess.run(
        [
            *(*compose.command, "--progress=quiet", "run", "--rm", "--no-deps", "-T", "provision"),
            *("python", "-m", "scripts.provision", "admin", "--reset"),
        ],
        env=compose.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        todo = "the file holds the new password already: run this again once the cause is fixed"
        raise Refused([Fault(compose.values["ADMIN_EMAIL"], done.stderr.strip(), todo)])


def set_password(compose: Compose, role: str, password: str) -> None:
    """Set it over the socket inside the server's container; the password goes through a pipe."""
    done = subprocess.run(
        [
            *(*compose.command, "exec", "-T", "timescaledb"),
            *("python3", "/usr/local/lib/timestack/password.py", role),
        ],
        env=compose.environment,
        input=password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused([Fault(role, done.stderr.strip(), "nothing was changed; see make doctor")])
