"""`make token`: what was typed is checked here, and the provisioner makes the token."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.host import database
from scripts.host.faults import Fault, Refused

# As domains/tokens.py has them, which is not for the host.
ROLES = ("read", "write", "admin")
MOST_DAYS = 3650
DAYS = re.compile("[0-9]{1,4}")
USAGE = "make token EMAIL=somebody@example.org NAME=telegraf ROLE=write TABLES=readings DAYS=90"


def make(root: Path, email: str, name: str, role: str, tables: str, days: str) -> int:
    """Make a token of a user; without TABLES for all, without DAYS without an end."""
    faults = []
    if "@" not in email or email.startswith("-"):
        faults.append(Fault(f"EMAIL={email}", "is not the address of a user", USAGE))
    if not name.strip():
        faults.append(Fault("NAME", "is missing: what the token is for", USAGE))
    if role not in ROLES:
        faults.append(Fault(f"ROLE={role}", f"is not one of {', '.join(ROLES)}", USAGE))
    if days and not (DAYS.fullmatch(days) and 1 <= int(days) <= MOST_DAYS):
        todo = f"write 1 to {MOST_DAYS}, or leave it out for a token without an end"
        faults.append(Fault(f"DAYS={days}", f"is not a number from 1 to {MOST_DAYS}", todo))
    if faults:
        raise Refused(faults, untouched=True)
    chosen = [f"--name={name}", f"--role={role}"]
    chosen += [f"--tables={tables}"] if tables else []
    chosen += [f"--days={int(days)}"] if days else []
    return database.provision(root, ["token", email, *chosen])
