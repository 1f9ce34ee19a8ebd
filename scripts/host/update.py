"""`make update`: all images on the newest packages of their distribution, and back when they fail.

What an image holds is as old as its build. Here each is asked what its distribution has newer;
where there is something, all are built on it and started. Those before keep a tag that ends in
`-before-update` until the next time, and run again when the new ones do not become healthy.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.host import deploy, images, preflight, stack
from scripts.host.compose import Compose, docker, one_off
from scripts.host.console import Phase, Phases, columns, info, warn
from scripts.host.environment import replace
from scripts.host.faults import Fault, Refused

BEFORE = "-before-update"
# A package that would be installed in place of an older one, as apt-get simulates it.
NEWER = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+) ", re.M)
ASK = "apt-get update -qq > /dev/null 2>&1 && apt-get -s -qq upgrade"
INSTALLED = ("dpkg-query", "-W", "-f", "${Package} ${Version}\\n")


def update(root: Path, arguments: list[str]) -> int:
    """Build on the newest packages and start; 1 when the images before run again."""
    parser = argparse.ArgumentParser("make update")
    parser.add_argument("--always", action="store_true", help="although nothing newer is known")
    parser.add_argument("--notify", action="store_true", help="tell people when it fails")
    given = parser.parse_args(arguments)
    try:
        _update(root, always=given.always)
    except Refused as refused:
        if given.notify:
            tell(root, "make update failed", "\n".join(str(each) for each in refused.faults))
        raise
    return 0


def _update(root: Path, *, always: bool) -> None:
    phases = Phases()
    with stack.only_one(root):
        stack.ready_engine(root, phases)
        # Those before and the new ones, beside each other.
        if faults := preflight.disk(stack.engine_folder(), stack.DISK_FIRST):
            raise Refused(faults, untouched=True)
        with phases.phase("settings") as phase:
            compose = stack.settle(root, phase)
        with phases.phase("base image") as phase:
            images.ensure_base(compose, phase)
        names = _names(compose)
        with phases.phase("packages") as phase:
            pulled = _pull(compose, phase)
            newer = _newer(names, phase)
            phase.result = f"{len(newer)} newer" + (f", {', '.join(pulled)} pulled" * bool(pulled))
        if not (newer or pulled or always):
            info("every image is on its distribution's newest packages: nothing was changed")
            return
        before = {name: images.image_id(name) for name in names}
        was = _installed(before.values())
        with _kept(compose, before), phases.phase("images") as phase:
            replace(root / images.UPDATED, f"{int(time.time())}\n", 0o644)
            images.build(compose, phase)
        changes = _changes(was, _installed(map(images.image_id, names)))
        if any(each.good for each in compose.services().values()):
            _start(compose, phases, before)
        else:
            info("the stack does not run: `make up` starts it on the new images")
    info("")
    info(phases.table())
    info("")
    replaced = sorted(name for name, old in before.items() if images.image_id(name) != old)
    info(f"images: {', '.join(replaced) or 'the same'}")
    info(columns(changes) if changes else "packages: the same")


def _names(compose: Compose) -> list[str]:
    """Every image that is built here and is there."""
    services = compose.config().get("services", {}).values()
    found = {*images.BASES, *(each["image"] for each in services if "build" in each)}
    return sorted(filter(images.image_id, found))


def _pull(compose: Compose, phase: Phase) -> list[str]:
    """Pull what ours are built on, where a registry answers; the names that have changed."""
    given = ("BASE_IMAGE", "TIMESCALEDB_BASE", "TRAEFIK_BASE")
    changed = []
    for name in filter(None, (compose.values[each] for each in given)):
        phase.status = f"pulling {name}"
        old = images.image_id(name)
        docker("pull", "-q", name, timeout=images.PULL_SECONDS)
        if images.image_id(name) != old:
            changed.append(name)
    return changed


def _newer(names: list[str], phase: Phase) -> set[str]:
    """The packages of which some image has an old version.

    Raises Refused where no image could ask: then nobody knows.
    """
    found: set[str] = set()
    answered = False
    for name in names:
        phase.status = f"asking for {name}"
        said = docker(
            *("run", "--rm", "--user", "0:0", "--label", "com.docker.compose.project="),
            *("--entrypoint", "sh", name, "-c", f"{ASK}; echo asked $?"),
        )
        answered |= "asked 0" in said
        found |= {match[0] for match in NEWER.findall(said)}
    if answered or not names:
        return found
    todo = "see whether the package mirror answers: apt-get update in a container of timestack/base"
    raise Refused([Fault("make update", "no mirror of the distribution answered", todo)])


@contextmanager
def _kept(compose: Compose, before: dict[str, str]) -> Iterator[None]:
    """Keep these images under the tag BEFORE; where the block fails, they are what they were."""
    stamps = {path: _read(compose.root / path) for path in (images.STAMP, images.UPDATED)}
    for name, id in before.items():
        old = images.image_id(_tagged(name))
        docker("tag", id, _tagged(name))
        if old and old != id:
            # It goes with its last name, unless a container still has it.
            docker("image", "rm", old)
    try:
        yield
    except BaseException:
        _back(before)
        for path, text in stamps.items():
            if text is None:
                (compose.root / path).unlink(missing_ok=True)
            else:
                replace(compose.root / path, text, 0o644)
        raise


def _start(compose: Compose, phases: Phases, before: dict[str, str]) -> None:
    """Start the new images; raises Refused after the ones before run again."""
    served = stack.serves(compose)
    with _kept(compose, before):
        try:
            deploy.start(compose, phases)
            if served and not stack.serves(compose):
                what = "the web does not answer through it any more"
                raise Refused([Fault("service traefik", what, "make logs S=traefik")])
        except Refused as refused:
            warn("the new images did not become healthy: going back to those before")
            _back(before)
            what, todo = "went back: the images before run again", "`make update` tries again"
            try:
                deploy.start(Compose(compose.root, compose.values), phases)
            except Refused as second:
                what, todo = f"nor do those before run: {second}", "make doctor"
            raise Refused([*refused.faults, Fault("make update", what, todo)]) from None


def _back(before: dict[str, str]) -> None:
    for name in before:
        docker("tag", _tagged(name), name)


def _tagged(name: str) -> str:
    return f"{name if ':' in name else f'{name}:latest'}{BEFORE}"


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _installed(ids: Iterator[str]) -> dict[str, set[str]]:
    """The versions of every Debian package in these images, by its name."""
    found: dict[str, set[str]] = {}
    for id in ids:
        for line in docker(*one_off(id, *INSTALLED)[1:]).splitlines():
            name, _, version = line.partition(" ")
            found.setdefault(name, set()).add(version)
    return found


def _changes(was: dict[str, set[str]], now: dict[str, set[str]]) -> list[tuple[str, str, str]]:
    """Package, version before and after; `-` where there is none."""
    return [
        (name, ", ".join(sorted(was.get(name, "-"))), ", ".join(sorted(now.get(name, "-"))))
        for name in sorted({*was, *now})
        if was.get(name) != now.get(name)
    ]


def tell(root: Path, subject: str, text: str) -> bool:
    """Have the running stack notify people; False where it cannot."""
    compose = stack.load(root)
    command = ("exec", "-T", "worker", "python", "-m", "timestack.tasks.tell", subject, text)
    told = compose.run(*command) == 0
    if not told:
        warn("nobody could be told: the worker does not run")
    return told
