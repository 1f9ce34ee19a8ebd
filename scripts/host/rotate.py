"""`make rotate SECRET=name`: a new secret in a running stack.

A role's password is first set in the database, then its file is written, then the containers that
mount it are replaced. Stopped in between, `make up` sets the database to what the files say.
"""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

from scripts.host import credentials, database, stack
from scripts.host.compose import Compose
from scripts.host.console import Phases, info
from scripts.host.environment import replace
from scripts.host.faults import Fault, Refused


def rotate(root: Path, name: str) -> None:
    """Replace one secret; raises Refused when there is none of that name or the stack is down."""
    if name not in credentials.RANDOM:
        todo = f"choose one of {', '.join(credentials.RANDOM)}"
        raise Refused([Fault(f"SECRET={name}", "is no secret that can be rotated", todo)])
    with stack.only_one(root):
        compose = database.running(root)
        phases = Phases()
        password = secrets.token_urlsafe(32)
        with phases.phase("rotate") as phase:
            if name.startswith("db_"):
                set_password(compose, role_of(name), password)
            replace(compose.secret(name), f"{password}\n", 0o444)
            email = compose.values["ADMIN_EMAIL"]
            credentials.ensure(compose.secret(name).parent, admin_email=email)
            phase.result = str(compose.secret(name))
        with phases.phase("replace") as phase:
            stack.start(Compose(root, compose.values), phase)
    info(f"{name} is new, and the containers that mount it hold the new one")


def role_of(name: str) -> str:
    """`db_app_password` is the password of `timestack_app`."""
    return "timestack_" + name.removeprefix("db_").removesuffix("_password")


def set_password(compose: Compose, role: str, password: str) -> None:
    """Tell the server, over the socket inside its container; the password comes by a pipe."""
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
