"""`python3 -m scripts.host VERB`: what the Makefile's targets call.

Exit code 0: done; 1: refused or failed, the reason on standard error; 130: interrupted. `audit`
has one more, 3: nothing found, but not everything could be checked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.host import audit, database, doctor, lint, rotate, sbom, stack, tests
from scripts.host.console import info, show, warn
from scripts.host.faults import Fault, Refused

ROOT = Path(__file__).resolve().parents[2]


def up(arguments: list[str]) -> int:
    stack.up(ROOT)
    return 0


def down(arguments: list[str]) -> int:
    return stack.down(ROOT)


def secrets(arguments: list[str]) -> int:
    """Make what is missing of `.env`, secrets and certificates; also anew, for a lost file."""
    for name in stack.make_secrets(ROOT):
        info(f"made {name}")
    return 0


def compose(arguments: list[str]) -> int:
    return stack.load(ROOT).run(*arguments)


def logs(arguments: list[str]) -> int:
    return compose(["logs", "--follow", "--tail", "100", *arguments])


def rotate_secret(arguments: list[str]) -> int:
    rotate.rotate(ROOT, "".join(arguments))
    return 0


def user(arguments: list[str]) -> int:
    """Make or change a user; `arguments` are an e-mail and the provisioner's own options."""
    if not arguments or "@" not in arguments[0]:
        fault = Fault(
            "make user", "needs EMAIL", "make user EMAIL=somebody@example.org ROLE=viewer"
        )
        raise Refused([fault], untouched=True)
    return database.provision(ROOT, ["user", *arguments])


VERBS: dict[str, Callable[[list[str]], int]] = {
    "up": up,
    "down": down,
    "clean": lambda arguments: stack.clean(ROOT),
    "compose": compose,
    "logs": logs,
    "secrets": secrets,
    "rotate": rotate_secret,
    "doctor": lambda arguments: doctor.examine(ROOT),
    "psql": lambda arguments: database.psql(ROOT, arguments),
    "provision": lambda arguments: database.provision(ROOT, arguments),
    "user": user,
    "load": lambda arguments: database.load(ROOT, arguments),
    "test": lambda arguments: tests.test(ROOT, arguments),
    "bench": lambda arguments: tests.bench(ROOT, arguments),
    "lint": lambda arguments: lint.lint(ROOT),
    "sbom": lambda arguments: sbom.sbom(ROOT),
    "audit": lambda arguments: audit.audit(ROOT),
    "lock": lambda arguments: tests.lock(ROOT),
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in VERBS:
        warn(f"usage: python3 -m scripts.host {{{','.join(VERBS)}}}")
        return 2
    os.chdir(ROOT)
    try:
        return VERBS[arguments[0]](arguments[1:])
    except Refused as refused:
        show(refused.faults)
        if refused.untouched:
            warn("nothing was changed and nothing was started")
        elif refused.stopped:
            names = ", ".join(refused.stopped)
            warn(f"stopped here; what ran before and does not serve now: {names}")
            warn("the same command goes on from here")
        else:
            warn("stopped here; what ran before still runs, and the same command goes on from here")
        return 1
    except PermissionError as error:
        todo = "run it as the user who made that (ls -l), or give it to yourself with chown"
        show([Fault(str(error.filename), "this user may not read or write it", todo)])
        return 1
    except KeyboardInterrupt:
        warn("interrupted; run the same command again, it goes on where this one ended")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
