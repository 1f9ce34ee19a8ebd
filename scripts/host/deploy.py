"""`make deploy` and `make rollback`: another version in the place of the running one, unnoticed.

Images have the commit as their tag, and `.env` says which runs and which ran before. Nothing is
replaced before the database is what the new version expects, and what it takes from the old one
is nothing. Then webs are replaced one by one (`slots.py`), then workers. A version that does not
become healthy goes, and what it had replaced comes back.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path

from scripts.host import environment, images, production, slots, stack
from scripts.host.compose import LATEST, SLOTS, Compose, docker, image, image_id, one_off
from scripts.host.console import Phase, Phases, info, show, warn
from scripts.host.faults import Fault, Refused
from scripts.host.stack import DATABASE, PROVISIONER, bring

LOG = Path("build/logs/deploy.log")
REDIS = "redis"
# What a new web has to become healthy.
SECONDS = 120
# Twelve digits of a commit, and whether files differ from it: the tags that are made here, and how
# many of them stay.
COMMIT = re.compile(r"[0-9a-f]{12}(-dirty)?")
KEPT = 3
# What it costs to replace these.
COSTS = {
    DATABASE: "pages say for some seconds that the database is away, and jobs wait",
    REDIS: "jobs wait for some seconds",
    slots.PROXY: "nobody gets in for some seconds, and downloads break off",
}


def deploy(root: Path, arguments: list[str]) -> None:
    """Build the commit that is checked out, or take the images of TAG, and put it in place."""
    parser = argparse.ArgumentParser("make deploy")
    parser.add_argument("--breaking", action="store_true", help="stop the old version first")
    parser.add_argument("--wait", type=float, default=SECONDS, help="seconds to become healthy")
    given = parser.parse_args(arguments)
    phases = Phases()
    with stack.only_one(root):
        stack.ready_engine(root, phases, more=_only_convenient(root))
        with phases.phase("settings") as phase:
            before = stack.settle(root, phase)
        after = Compose(root, {**before.values, "TIMESTACK_TAG": _tag(root)}, keep=False)
        with phases.phase("images") as phase:
            _images(after, phase)
        with phases.phase("schema") as phase:
            stack.check_schema(after, phase)
        _replace(before, after, phases, given.wait, breaking=given.breaking)
        with phases.phase("old images") as phase:
            phase.result = f"{_prune(after, before)} tags removed"
    stack.report(after, phases)


def rollback(root: Path) -> None:
    """Put the version before the running one in its place; the database stays as it is."""
    phases = Phases()
    with stack.only_one(root):
        with phases.phase("preflight") as phase:
            before = stack.load(root, environment.NAMES)
            after = _previous(before)
            phase.result = f"from {before.tag} to {after.tag}"
        _replace(before, after, phases, SECONDS, provision=False)
    stack.report(after, phases)


def up(root: Path) -> None:
    """`make up`: bring the stack up, and print where everything is and what took how long.

    With more than one web it is the deployed version, whose images are built only where they are
    missing, as on a bare host.
    """
    phases = Phases()
    with stack.only_one(root):
        stack.ready_engine(root, phases)
        with phases.phase("settings") as phase:
            compose = stack.settle(root, phase)
        if not compose.has_slots or compose.tag == LATEST or _missing(compose):
            compose = stack.build(root, phases)
        with phases.phase("schema") as phase:
            stack.check_schema(compose, phase)
        start(compose, phases)
    stack.report(compose, phases)


def start(compose: Compose, phases: Phases) -> None:
    """`stack.start`; of a stack with more than one web, one after the other."""
    if compose.has_slots:
        _converge(compose, phases, SECONDS)
    else:
        stack.start(compose, phases)


def _only_convenient(root: Path) -> list[Fault]:
    """What production must not be; what ALLOW names is only warned of."""
    try:
        faults = production.faults(stack.settings(root))
    except Refused:
        # Faults of the file itself are the preflight's.
        return []
    if not os.environ.get("TAG") and images.commit(root).endswith("-dirty"):
        what = "has changes that are in no commit, so nobody could say what runs"
        faults["dirty"] = Fault("the working tree", what, "git commit, or git stash")
    names = {"dirty", *production.CHECKS}
    allowed = set(filter(None, re.split(r"[ ,]+", os.environ.get("ALLOW", ""))))
    for name in sorted(allowed & set(faults)):
        warn(f"allowed: {faults[name].where}: {faults[name].what}")
    return [
        *(
            Fault(each.where, each.what, f"{each.todo}; ALLOW={name} deploys all the same")
            for name, each in faults.items()
            if name not in allowed
        ),
        *(
            Fault(f"ALLOW={name}", "is not a name", f"one of {', '.join(sorted(names))}")
            for name in sorted(allowed - names)
        ),
    ]


def _tag(root: Path) -> str:
    """The tag of the images to deploy."""
    if given := os.environ.get("TAG"):
        return given
    commit = images.commit(root)
    if not commit:
        todo = "clone it with git, or name images that are there: make deploy TAG=..."
        raise Refused([Fault("this folder", "has no commit to name images by", todo)])
    digits, _, dirty = commit.partition("-")
    return digits[:12] + ("-dirty" if dirty else "")


def _images(compose: Compose, phase: Phase) -> None:
    """Build what the tag lacks, or require that it is all there."""
    if not os.environ.get("TAG"):
        images.ensure_base(compose, phase)
        images.build(compose, phase)
    elif missing := _missing(compose):
        todo = "docker image ls; without TAG= they are built"
        raise Refused([Fault(name, "there is no such image", todo) for name in missing])
    else:
        phase.result = f"those of {compose.tag}, as they are"


def _missing(compose: Compose) -> list[str]:
    """The images of the tag that the engine does not have."""
    names = {each["image"] for each in compose.config()["services"].values()}
    return [name for name in sorted(names) if not image_id(name)]


def _previous(before: Compose) -> Compose:
    """The stack with the images from before; raises Refused where it may not run."""
    tag = before.values["TIMESTACK_PREVIOUS"]
    if not tag:
        what = "is empty: there was no version before this one"
        fault = Fault("TIMESTACK_PREVIOUS in .env", what, "deploy another commit: make deploy")
        raise Refused([fault], untouched=True)
    after = Compose(before.root, {**before.values, "TIMESTACK_TAG": tag})
    faults = [
        Fault(name, "the image is gone", "check out that commit, and make deploy")
        for name in _missing(after)
    ]
    if not faults:
        faults = _unknown(before, tag)
    if faults:
        raise Refused(faults, untouched=True)
    return after


def _unknown(running: Compose, tag: str) -> list[Fault]:
    """A fault when the database is at a migration that the code of these images cannot bear."""
    command = one_off(image("web", tag), "grep", "-rhoE", "^revision.*", "migrations/versions")
    known = set(re.findall(r"[\"']([^\"']+)", docker(*command[1:])))
    found = stack.revisions(running)
    if not found or found & known:
        return []
    what = f"is at migration {max(found)}, which took away what {tag} reads"
    todo = "restore a backup from before that deploy, or correct it by a new version"
    return [Fault("database", what, todo)]


def _replace(
    before: Compose,
    after: Compose,
    phases: Phases,
    seconds: float,
    *,
    provision: bool = True,
    breaking: bool = False,
) -> None:
    """Put `after` in the place of `before`, write down that it runs, or go back."""
    ran = bool(slots.running(before))
    try:
        _converge(after, phases, seconds, ran=ran, provision=provision, breaking=breaking)
    except Refused as refused:
        if ran and before.tag != after.tag:
            _go_back(before, phases, refused)
        raise
    if before.tag != after.tag:
        changes = {"TIMESTACK_TAG": after.tag, "TIMESTACK_PREVIOUS": before.tag if ran else ""}
        environment.change(after.root, **changes)


def _go_back(before: Compose, phases: Phases, refused: Refused) -> None:
    """Replace what is new by what was there; the reason is shown first, as this may fail too."""
    show(refused.faults)
    refused.faults = []
    if unknown := _unknown(before, before.tag):
        refused.faults = unknown
        return
    warn(f"going back to {before.tag}")
    try:
        _converge(before, phases, SECONDS, provision=False)
    except Refused as failed:
        refused.faults = failed.faults
        return
    warn(f"{before.tag} serves, as before")


def _converge(
    compose: Compose,
    phases: Phases,
    seconds: float,
    *,
    ran: bool = False,
    provision: bool = True,
    breaking: bool = False,
) -> None:
    """Make every container what files, settings and images say. Raises Refused where one fails."""
    # As it is by now: images may have been built since.
    compose = Compose(compose.root, compose.values)
    log = compose.root / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    services = set(compose.config()["services"])
    changed = compose.changed()
    there = set(compose.services())
    for name in COSTS:
        if name in changed & there:
            info(f"  {name} is replaced, since its image or settings changed: {COSTS[name]}")
    with phases.phase("database") as phase:
        bring(compose, phase, log, {DATABASE, REDIS})
        phase.result = "healthy"
    if provision:
        _provision(compose, phases, log, additive=ran, breaking=breaking)
    with phases.phase("web") as phase:
        slots.first(compose, phase, log, seconds)
        bring(compose, phase, log, {slots.PROXY})
        slots.roll(compose, phase, log, seconds)
    rest = services - {DATABASE, REDIS, PROVISIONER, slots.PROXY, *SLOTS}
    with phases.phase("workers") as phase:
        # One first, since a version may be broken for them alone; a job under way ends before.
        for names in ({"worker"}, rest):
            bring(compose, phase, log, names, "--remove-orphans", restarts=slots.RESTARTS)
        phase.result = f"{len(rest & changed)} of {len(rest)} replaced"


def _provision(
    compose: Compose, phases: Phases, log: Path, *, additive: bool, breaking: bool
) -> None:
    """Bring the database to what the version expects; `additive`, when another one runs on it.

    What takes something away is refused, unless it is `breaking`: then that one stops first.
    """
    compose.values["PROVISION_OPTIONS"] = "--additive" if additive else ""
    with phases.phase("provision") as phase:
        try:
            # It takes as long as the data do.
            bring(compose, phase, log, {PROVISIONER}, seconds=math.inf)
        except Refused:
            if not (additive and breaking):
                raise
            warn("the outage begins: the old version stops before its tables change")
            users = set(compose.config()["services"]) - {DATABASE, REDIS, PROVISIONER, slots.PROXY}
            compose.read("stop", *users)
            compose.values["PROVISION_OPTIONS"] = ""
            bring(compose, phase, log, {PROVISIONER}, seconds=math.inf)
        phase.result = "the database is what the code expects"


def _prune(*used: Compose) -> int:
    """Remove the tags of commits that are older than the newest few, and that nothing uses."""
    listed = docker("image", "ls", "timestack/*", "--format", "{{.Repository}}:{{.Tag}}").split()
    # The newest comes first.
    tags = list(dict.fromkeys(name.rpartition(":")[2] for name in listed))
    commits = [tag for tag in tags if COMMIT.fullmatch(tag)]
    containers = docker("ps", "-a", "--format", "{{.Image}}").split()
    kept = {*commits[:KEPT], *(compose.tag for compose in used)}
    kept |= {name.rpartition(":")[2] for name in containers}
    old = [tag for tag in commits if tag not in kept]
    for tag in old:
        docker("image", "rm", *(name for name in listed if name.endswith(f":{tag}")))
    return len(old)
