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

from scripts.host import (
    backups,
    database,
    deploy,
    doctor,
    drill,
    jobs,
    lint,
    load,
    move,
    recover,
    restore,
    rotate,
    stack,
    tests,
    tokens,
    units,
    update,
    upgrade,
)
from scripts.host.console import info, show, warn
from scripts.host.faults import Fault, Refused

ROOT = Path(__file__).resolve().parents[2]


def up(arguments: list[str]) -> int:
    deploy.up(ROOT)
    return 0


def deploy_version(arguments: list[str]) -> int:
    deploy.deploy(ROOT, words("ARGS"))
    return 0


def rollback(arguments: list[str]) -> int:
    deploy.rollback(ROOT)
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


def restore_database(arguments: list[str]) -> int:
    """Restore to TO, or with CONFIRM=yes delete what a restore has kept."""
    if given("CONFIRM") == "yes":
        return restore.drop_old(ROOT)
    return restore.restore(ROOT, given("TO"))


def recover_stack(arguments: list[str]) -> int:
    """Bring the stack up from a repository and two files."""
    return recover.recover(ROOT, given("FROM"), given("KEY"), given("SETTINGS"), given("TO"))


def provision(arguments: list[str]) -> int:
    return database.provision(ROOT, [*arguments, *words("ARGS")])


def move_to(arguments: list[str]) -> int:
    """TO=, with ALSO= and OLDER=yes; or after it BACK=yes, or CONFIRM=yes."""
    if given("CONFIRM") == "yes":
        return move.finish(ROOT)
    if given("BACK") == "yes":
        return move.back(ROOT)
    also = [name for name in given("ALSO").split(",") if name]
    move.move(ROOT, given("TO"), also, older=given("OLDER") == "yes")
    return 0


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
    "deploy": deploy_version,
    "rollback": rollback,
    "down": down,
    "clean": lambda arguments: stack.clean(ROOT),
    "restart": restart,
    "ps": ps,
    "logs": logs,
    "secrets": secrets,
    "rotate": rotate_secret,
    "notify-test": notify_test,
    "doctor": lambda arguments: doctor.examine(ROOT),
    "backup": lambda arguments: backups.backup(ROOT, given("TYPE")),
    "backups": lambda arguments: backups.backups(ROOT, words("ARGS")),
    "restore": restore_database,
    "drill": lambda arguments: drill.drill(ROOT),
    "recover": recover_stack,
    "psql": lambda arguments: database.psql(ROOT, words("ARGS")),
    "update": lambda arguments: update.update(ROOT, words("ARGS")),
    "install": lambda arguments: units.install(ROOT, words("ARGS")),
    "provision": provision,
    "move": move_to,
    "upgrade": lambda arguments: upgrade.upgrade(ROOT, words("ARGS")),
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
    "deploy": "some version serves, the old or the new one; run `make deploy` again, it goes on",
    "rollback": "run `make rollback` again, it goes on",
    "down": "run `make down` again to stop the rest",
    "clean": "run `make clean` again to delete the rest",
    "update": "run `make up`: it starts whatever images there are now, and `make update` goes on",
    "install": "run it again, it writes what is missing",
    "rotate": "run `make up`: it sets the passwords in the database to those of the secret files",
    "restore": "run the same again: it goes on, or begins again; `make ps` shows what runs now",
    "drill": "the copy is removed",
    "recover": "run the same again: it goes on, or begins again",
    "move": "run `make up`, and `make move` again: it begins again",
    "upgrade": "run `make upgrade` again",
    "provision": "what was not finished is undone or goes on when the command is run again",
    "load": "nothing was loaded",
    "backup": "the backup goes on, or what there is of it is used by the next one: make backups",
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
