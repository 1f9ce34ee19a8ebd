"""`make backup` and `make backups`: take one, and list what there is.

pgBackRest runs in the database's container, so that both work while nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.host import database, environment
from scripts.host.compose import Compose
from scripts.host.console import Phases, columns, info
from scripts.host.environment import shown
from scripts.host.faults import Fault, Refused
from timestack.shared.amounts import about, size

SERVICE = "timescaledb"
PROGRAM = ("python3", "/usr/local/lib/timestack/backups.py")
TYPES = ("full", "diff", "incr")
KEY = "backup_key"


def backup(root: Path, kind: str) -> int:
    """Take a backup, follow it to its end, and say what it is and what else is needed."""
    kind = kind or "diff"
    if kind not in TYPES:
        fault = Fault(f"TYPE={kind}", "is not a type of backup", f"one of {', '.join(TYPES)}")
        raise Refused([fault], untouched=True)
    phases = Phases()
    compose = database.running(root, environment.NAMES)
    with phases.phase("backup") as phase:
        phase.run(
            [*compose.command, "exec", "-T", SERVICE, *PROGRAM, "take", kind],
            root / "build" / "logs" / "backup.log",
            what="no backup was taken",
            todo="the backups before it are as they were; make backups",
            env=compose.environment,
        )
        found = read(compose)
        taken = found["backups"][-1]
        phase.result = f"{taken['label']}, {size(taken['bytes'])}"
    info("")
    info(table(found["backups"][-1:]))
    info("")
    info(restorable(found))
    info(needed(compose))
    return 0


def backups(root: Path, arguments: Sequence[str]) -> int:
    """List the backups, the times that can be restored to, and how the archive is."""
    compose = database.running(root, environment.NAMES)
    found = read(compose)
    if "--json" in arguments:
        info(json.dumps(found, indent=2))
        return 0
    info(table(found["backups"]) if found["backups"] else "There is no backup yet: make backup")
    info("")
    info(restorable(found))
    info(archived(found))
    info(needed(compose))
    return 0


def read(compose: Compose) -> dict:
    """What backups.py lists; raises Refused where the repository cannot be read."""
    text = compose.read("exec", "-T", SERVICE, *PROGRAM, "list")
    if not text:
        todo = "make logs S=timescaledb; after a change of versions, make up first"
        raise Refused([Fault(SERVICE, "does not say what backups there are", todo)])
    found = json.loads(text)
    if found["error"]:
        raise Refused([Fault("repository of backups", found["error"], "make logs S=timescaledb")])
    return found


def at(seconds: float) -> str:
    """A time in UTC, as `make restore TO=` takes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}+00"


def table(found: Sequence[dict]) -> str:
    """The backups, the newest last."""
    heads = ("label", "type", "database", "repository", "took", "began", "ended")
    rows = [
        (
            each["label"],
            each["type"] + ("" if each["is_sound"] else ", has damaged pages"),
            size(each["bytes"]),
            size(each["repository_bytes"]),
            about(each["seconds"]),
            at(each["began"]),
            at(each["ended"]),
        )
        for each in found
    ]
    return columns([heads, *rows], right={2, 3, 4})


def restorable(found: dict) -> str:
    """The times that one can restore to, in words."""
    if not found["ranges"]:
        return "Nothing can be restored yet."
    spans = "\n  and any from ".join(f"{at(begin)} to {at(end)}" for begin, end in found["ranges"])
    return f"Any time can be restored to, from {spans}."


def archived(found: dict) -> str:
    """How far behind the archive of WAL is."""
    state = found["archive"]
    if not state.get("archived_at"):
        return "No WAL was archived since the server started."
    lag = about(max(0.0, found["at"] - state["archived_at"]))
    text = f"Newest WAL archived {lag} ago; segments that wait: {state['waiting']}."
    if (state.get("failed_at") or 0) > state["archived_at"]:
        text += f" The archive fails since then: make logs S={SERVICE}"
    return text + f" All of it takes {size(found['bytes'])}."


def needed(compose: Compose) -> str:
    """The two files without which no other host brings the stack back."""
    key, settings = shown(compose.secret(KEY)), shown(compose.root / ".env")
    return (
        "To bring the stack back on another host, two files are needed beside the repository:"
        f" {key} and {settings}. Keep copies of them elsewhere."
    )
