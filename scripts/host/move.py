"""`make move`: the database to another version or edition, by a copy that is proved.

A second cluster is made beside the running one, from the same files as `make up` makes it. While
pages are read and nobody writes, every row is copied and compared, and then the stack changes over
to the copy. Up to there whatever goes wrong leaves the stack as it was; the old volume stays until
`make move CONFIRM=yes`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.host import beside, database, environment, move_preflight, move_rows, readonly, stack
from scripts.host.beside import DATABASE, Before, Beside
from scripts.host.compose import Compose, docker, image, image_id
from scripts.host.console import Phases, confirm, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.images import OTHER_SUITE, SUITE
from scripts.host.session import SessionError

# They write all the time.
WRITERS = ("beat", "worker", "worker-long", "worker-forecast", "worker-owner")


def move(root: Path, to: str, also: list[str], *, older: bool) -> None:
    """Move the database to ``to``: a suite of Debian, or an image with PostgreSQL and TimescaleDB.

    ``also`` are tables and views that nothing declares, to be taken along as pg_dump sees them.
    With ``older`` it may be of an older release. Raises Refused, untouched up to the change.
    """
    phases = Phases()
    also = [name if "." in name else f"public.{name}" for name in also]
    with stack.only_one(root):
        compose = database.running(root, environment.NAMES)
        new = Beside(compose, base_of(to))
        with _undone(new):
            _prepare(compose, new, to, also, phases, older=older)
            with _nobody_writes(compose, phases) as old:
                began = move_rows.copy(old, new, also, phases)
                move_rows.prove(old, new, phases)
                _change_over(new, phases)
        ended = _start(root, new.before, phases)
    info("")
    info(phases.table())
    info("")
    info(f"Nobody could write for {ended - began:.0f} s. The old volume is kept:")
    info(f"  {new.before.volume}")
    info("  make move CONFIRM=yes   deletes it")
    info("  make move BACK=yes      goes back to it, without what is written from now on")


def base_of(to: str) -> str:
    """The TIMESCALEDB_BASE of what TO names; a word of small letters is a suite of Debian."""
    if to == SUITE:
        return ""
    return f"{OTHER_SUITE}{to}" if to.isalpha() and to.islower() else to


def back(root: Path) -> int:
    """Go back to the volume that the last move has left, after asking."""
    phases = Phases()
    with stack.only_one(root):
        compose = stack.load(root, environment.NAMES)
        before = beside.before(compose.volume)
        if before is None or not beside.there(before.volume):
            what = f"{compose.volume} was not made by a move, or the volume before it is gone"
            todo = "move instead: make move TO=… OLDER=yes"
            raise Refused([Fault("make move BACK=yes", what, todo)], untouched=True)
        info(f"This goes back to {before.volume}, as it was when the move changed over.")
        info(f"What was written since then is in {compose.volume} alone, which stays.")
        if os.environ.get("FORCE") != "yes" and not confirm("", compose.project):
            warn("nothing was changed (FORCE=yes goes back without asking)")
            return 1
        _go_to(root, before, phases)
    info("")
    info(phases.table())
    return 0


def finish(root: Path) -> int:
    """Delete the volumes that moves have left beside the stack's own."""
    with stack.only_one(root):
        compose = stack.load(root, environment.NAMES)
        before = beside.before(compose.volume)
        left = [*beside.made_from(compose.volume), *([before.volume] if before else [])]
        found = [name for name in left if beside.there(name)]
        for name in found:
            docker("volume", "rm", name)
            info(f"deleted volume {name}" if not beside.there(name) else f"{name} is in use")
    if not found:
        info(f"there is no volume of a move beside {compose.volume}")
    return 0


def _prepare(
    compose: Compose, new: Beside, to: str, also: list[str], phases: Phases, *, older: bool
) -> None:
    """Everything that can be refused, and the new cluster, while the stack works as ever."""
    with phases.phase("preflight") as phase:
        new.clear()
        readonly.end(_container(compose))
        move_preflight.require(compose, new.base, to, phase)
    with phases.phase("new image") as phase:
        new.build(phase)
        move_preflight.require_newer(compose, new, phase, older=older)
    with phases.phase("new cluster") as phase:
        new.start(phase, new.root / move_rows.LOG)
        move_rows.provision(new, phase, ("up",), "the files do not fit this version")
        phase.result = new.new_volume
    with phases.phase("objects") as phase:
        move_preflight.require_known(move_rows.unknown(new, also), phase)


@contextmanager
def _undone(new: Beside) -> Iterator[None]:
    """Remove what was made where the block fails before it has changed over."""
    try:
        yield
    except BaseException as error:
        if stack.load(new.root).volume == new.new_volume:
            warn("the database is the new one already: `make up` starts the stack on it")
            raise
        info("  removing what was made")
        new.clear()
        if isinstance(error, SessionError):
            fault = Fault("database", str(error), "see `make logs S=timescaledb`")
            raise Refused([fault], untouched=True) from None
        if isinstance(error, Refused):
            error.untouched = True
        raise


@contextmanager
def _nobody_writes(compose: Compose, phases: Phases) -> Iterator[str]:
    """Stop the writers; where the block fails they start again, and everybody may write."""
    names = [name for name in WRITERS if name in compose.services()]
    container = _container(compose)
    try:
        with phases.phase("writers") as phase:
            # A job that runs is finished, and one that waits stays in the queue.
            compose.read("stop", *names)
            phase.result = f"{len(names)} services stopped"
        yield container
    except BaseException:
        with suppress(SessionError):
            readonly.end(container)
        if stack.load(compose.root).volume == compose.volume:
            compose.read("start", *names)
        raise


def _change_over(new: Beside, phases: Phases) -> None:
    """Write down the new volume and its base: from there on the stack is on them."""
    with phases.phase("change over") as phase:
        new.stop()
        old = image_id(image(DATABASE))
        docker("tag", new.image, image(DATABASE))
        try:
            environment.change(new.root, DB_VOLUME=new.new_volume, TIMESCALEDB_BASE=new.base)
        except Refused:
            docker("tag", old, image(DATABASE))
            raise
        new.done()
        docker("rmi", new.image)
        phase.result = "DB_VOLUME and TIMESCALEDB_BASE in .env"


def _start(root: Path, before: Before, phases: Phases) -> float:
    """Start the stack on the new cluster; where that does not get healthy, on the old one.

    Returns when the database was there again, of the monotonic clock.
    """
    began, before_that = time.monotonic(), len(phases.took)
    try:
        stack.start(stack.load(root, environment.NAMES), phases)
    except Refused:
        found = stack.load(root).services().get(DATABASE)
        if found is not None and found.good:
            raise
        warn("the new cluster does not start in the stack: going back to the old one")
        _go_to(root, before, phases)
        raise
    return began + phases.took[before_that][1]


def _go_to(root: Path, before: Before, phases: Phases) -> None:
    """Start the stack on a volume that a move has left, with the image of then."""
    own = "" if before.volume == _default(root) else before.volume
    environment.change(root, DB_VOLUME=own, TIMESCALEDB_BASE=before.base)
    stack.start(stack.build(root, phases), phases)


def _default(root: Path) -> str:
    compose = stack.load(root)
    compose.values["DB_VOLUME"] = ""
    return compose.volume


def _container(compose: Compose) -> str:
    """The id of the running database's container."""
    return compose.services()[DATABASE].container
