"""The webs of a stack with WEB_INSTANCES=2: three slots, of which two serve.

A slot is replaced in this order: an idle one starts with the new image and is healthy; the proxy
has asked it and sends it requests; an old one tells the proxy that it takes no more; what it has
begun, it ends; it stops, and is idle. So at any time as many serve as before, and whatever is
interrupted goes on from what is there.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.host.compose import SLOTS, Compose, docker
from scripts.host.console import Phase
from scripts.host.faults import Fault, Refused
from scripts.host.stack import bring

PROXY = "traefik"
# For requests that the proxy had given to a slot before it looked away, to arrive there.
UNDER_WAY = 1.0
# Above graceful_timeout of services/web/gunicorn.conf.py: the answers under way.
STOP_SECONDS = 310
# How often the engine may start a new container again before it counts as broken.
RESTARTS = 1
SERVING = ("python", "-m", "timestack.serving")


@dataclass(frozen=True)
class Slot:
    """A web's container that runs: `current` is made of the present files, settings and image."""

    name: str
    container: str
    current: bool
    healthy: bool
    starting: bool

    @property
    def begun(self) -> bool:
        """Whether it is a new one, of which is not known yet what becomes."""
        return self.current and self.starting

    @property
    def draining(self) -> bool:
        return _exec(self, "test", "-e", "/tmp/draining")  # noqa: S108


def running(compose: Compose) -> list[Slot]:
    """The slots that run, in their order."""
    changed = compose.changed()
    found = [
        Slot(
            *(each.name, each.container, each.name not in changed, each.good),
            starting=each.health == "starting",
        )
        for each in compose.services().values()
        if each.name in SLOTS and each.state != "exited"
    ]
    return sorted(found, key=lambda slot: SLOTS.index(slot.name))


def first(compose: Compose, phase: Phase, log: Path, seconds: float) -> None:
    """Have one current slot that is healthy, if there is one to start it in."""
    found = running(compose)
    if len(found) < len(SLOTS) and not any(slot.current and slot.healthy for slot in found):
        _add(compose, phase, log, seconds, found)


def roll(compose: Compose, phase: Phase, log: Path, seconds: float) -> None:
    """Replace slot by slot until as many as WEB_INSTANCES are current, and no other runs.

    Raises Refused when a new one does not become healthy in so many seconds, or the proxy does not
    take it; the old ones that are left then serve.
    """
    wanted = int(compose.values["WEB_INSTANCES"])
    while True:
        found = running(compose)
        ready = [slot for slot in found if slot.current and slot.healthy and not slot.draining]
        others = [slot for slot in found if slot not in ready] or ready[wanted:]
        startable = len(found) < len(SLOTS) or any(slot.begun for slot in found)
        if len(ready) < wanted and startable:
            _add(compose, phase, log, seconds, found)
        elif others:
            _require_known(compose, ready, phase)
            _let_go(min(others, key=_worth), phase)
        else:
            break
    phase.result = f"{' and '.join(slot.name for slot in ready)} serve {compose.tag}"


def _worth(slot: Slot) -> tuple[bool, bool]:
    """What is lost by ending it: the least first."""
    return slot.healthy, not slot.draining


def _add(compose: Compose, phase: Phase, log: Path, seconds: float, found: list[Slot]) -> None:
    """Start a slot: one that was being started, else an idle one."""
    begun = [slot.name for slot in found if slot.begun]
    idle = [name for name in SLOTS if name not in {slot.name for slot in found}]
    name = [*begun, *idle][0]
    bring(compose, phase, log, {name}, seconds=seconds, restarts=RESTARTS)
    if name in compose.changed():
        what = "was started, and is not what these settings make: they changed meanwhile"
        raise Refused([Fault(f"service {name}", what, "the same command again")])


def _require_known(compose: Compose, ready: list[Slot], phase: Phase) -> None:
    """Wait until the proxy sends requests to those that are to stay."""
    proxy = compose.services().get(PROXY)
    for slot in ready if proxy and proxy.good else ():
        phase.status = f"the proxy asks {slot.name}"
        if not _exec(slot, *SERVING):
            what = "is healthy, but the proxy does not take it"
            raise Refused([Fault(f"service {slot.name}", what, f"make logs S={PROXY}")])


def _let_go(slot: Slot, phase: Phase) -> None:
    """Drain it, and end it once it has answered what it has begun."""
    phase.status = f"{slot.name} drains"
    _exec(slot, *SERVING, "--drain")
    time.sleep(UNDER_WAY)
    phase.status = f"{slot.name} answers what it has begun"
    docker("stop", "--time", str(STOP_SECONDS), slot.container)
    docker("rm", "--force", slot.container)


def _exec(slot: Slot, *command: str) -> bool:
    """Whether a command in the container ends well."""
    words = ["docker", "exec", slot.container, *command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
