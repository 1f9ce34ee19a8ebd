"""`python3 -m scripts.host VERB`: what the Makefile's targets call.

What was typed as NAME=value after `make` is in the environment under its name.

Exit code 0: done; 1: refused or failed, the reason on standard error; 130: interrupted. `audit`
has one more, 3: nothing found, but not everything could be checked.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.host import database, doctor, jobs, lint, load, rotate, stack, tests, tokens
from scripts.host.console import info, show, warn
from scripts.host.faults import Fault, Refused

ROOT = Path(__file__).resolve().parents[2]


def up(arguments: list[str]) -> int:
    stack.up(ROOT)
    return 0


def down(arguments: list[str]) -> int:
    return stack.down(ROOT)


def secrets(arguments: list[str]) -> int:
    """Make what is missing of `.env`, secrets and certificates; a lost file is made again."""
    for name in stack.make_secrets(ROOT):
        info(f"made {name}")
    return 0


def restart(arguments: list[str]) -> int:
    return stack.load(ROOT).run("restart", *words("S"))


def ps(arguments: list[str]) -> int:
    return stack.load(ROOT).run("ps", "-a")


def logs(arguments: list[str]) -> int:
    return stack.load(ROOT).run("logs", "--follow", "--tail", "100", *words("S"))


def rotate_secret(arguments: list[str]) -> int:
    rotate.rotate(ROOT, given("SECRET"))
    return 0


def notify_test(arguments: list[str]) -> int:
    """Send a message by each channel from where notifications are sent; 1 when one fails."""
    compose = database.running(ROOT)
    return compose.run("exec", "-T", "worker", "python", "-m", "timestack.tasks.trial")


def provision(arguments: list[str]) -> int:
    return database.provision(ROOT, [*arguments, *words("ARGS")])


def user(arguments: list[str]) -> int:
    """Make or change a user; ARGS holds the provisioner's own options."""
    email, role = given("EMAIL"), given("ROLE")
    if "@" not in email or email.startswith("-"):
        fault = Fault(
            "make user", "needs EMAIL", "make user EMAIL=somebody@example.org ROLE=viewer"
        )
        raise Refused([fault], untouched=True)
    chosen = [f"--role={role}"] if role else []
    return database.provision(ROOT, ["user", email, *chosen, *words("ARGS")])


def token(arguments: list[str]) -> int:
    """Make a token of a user; it is alone on the last line of standard output."""
    return tokens.make(
        ROOT, **{name.lower(): given(name) for name in ("EMAIL", "NAME", "ROLE", "TABLES", "DAYS")}
    )


def given(name: str) -> str:
    """What was typed as NAME=value after `make`, letter for letter; empty by default."""
    return os.environ.get(name, "")


def words(name: str) -> list[str]:
    """The same, cut into words as a shell would; raises Refused where a quote stays open."""
    try:
        return shlex.split(given(name))
    except ValueError as error:
        fault = Fault(f"{name}={given(name)}", str(error), "close the quote, or escape it: \\'")
        raise Refused([fault], untouched=True) from None


VERBS: dict[str, Callable[[list[str]], int]] = {
    "up": up,
    "down": down,
    "clean": lambda arguments: stack.clean(ROOT),
    "restart": restart,
    "ps": ps,
    "logs": logs,
    "secrets": secrets,
    "rotate": rotate_secret,
    "notify-test": notify_test,
    "doctor": lambda arguments: doctor.examine(ROOT),
    "psql": lambda arguments: database.psql(ROOT, words("ARGS")),
    "provision": provision,
    "user": user,
    "token": token,
    "files": lambda arguments: database.files(ROOT, words("ARGS")),
    "alerts": lambda arguments: database.alerts(ROOT, words("ARGS")),
    "jobs": lambda arguments: jobs.jobs(ROOT, words("ARGS")),
    "ingest": lambda arguments: jobs.ingest(ROOT, given("DAYS")),
    "load": lambda arguments: load.load(ROOT, given("FILE"), given("TABLE"), words("ARGS")),
    "test": lambda arguments: tests.test(ROOT, words("ARGS")),
    "test-quick": lambda arguments: tests.quick(ROOT, words("ARGS")),
    "faults": lambda arguments: tests.faults(ROOT, words("ARGS")),
    "fuzz": lambda arguments: tests.fuzz(ROOT, words("ARGS")),
    "bench": lambda arguments: tests.bench(ROOT, [*arguments, *words("ARGS")]),
    "lint": lambda arguments: lint.lint(ROOT),
    "sbom": lambda arguments: tests.check(ROOT, "sbom"),
    "audit": lambda arguments: tests.check(ROOT, "audit"),
    "lock": lambda arguments: tests.lock(ROOT),
}

# What is true after Ctrl-C, by verb; the other verbs have done what they did.
INTERRUPTED = {
    "up": "run `make up` again, it goes on where this one ended",
    "down": "run `make down` again to stop the rest",
    "clean": "run `make clean` again to delete the rest",
    "rotate": "run `make up`: it sets the passwords in the database to those of the secret files",
    "provision": "what was not finished is undone or goes on when the command is run again",
    "load": "nothing was loaded",
    "jobs": "a job that was started goes on: make jobs",
    "ingest": "the job goes on: make jobs",
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
            warn(f"stopped here; these services ran before and do not now: {names}")
            warn("the same command goes on from here")
        else:
            warn("stopped here; what ran before still runs, and the same command goes on from here")
        return 1
    except PermissionError as error:
        todo = "run it as the user who made that (ls -l), or give it to yourself with chown"
        show([Fault(str(error.filename), "this user may not read or write it", todo)])
        return 1
    except KeyboardInterrupt:
        warn("; ".join(filter(None, ("interrupted", INTERRUPTED.get(arguments[0])))))
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
