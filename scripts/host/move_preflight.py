"""What stops a move, found before it touches anything: every fault of a step at once."""

from __future__ import annotations

import os

from scripts.host import images, preflight, stack, versions
from scripts.host.beside import DATABASE, Beside
from scripts.host.compose import Compose, image
from scripts.host.console import Phase
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session, SessionError

# The write-ahead log of the copy, and what PostgreSQL needs to work.
ROOM = 4 * preflight.GIBIBYTE
SIZE = "select pg_database_size('timestack');"
PREPARED = "select gid from pg_prepared_xacts where database = 'timestack' order by gid;"
LOADS = """
select count(*) from pg_stat_activity where datname = 'timestack' and application_name = 'load';
"""
# One of seconds ends by itself while its worker is stopped.
JOBS = """
select id, kind, to_char(started_at at time zone 'UTC', 'HH24:MI') from jobs
 where state = 'running' and started_at < now() - interval '15 s' order by id;
"""
UNKNOWN = (
    "declare it (docs/make-it-yours.md) or drop it; tables, views and sequences are taken along "
    "with ALSO=name,name"
)
DELETED = "select id from datasets where state = 'deleting' order by id;"


def require(compose: Compose, base: str, to: str, phase: Phase) -> None:
    """Raise Refused with what the settings, the disk and the running database say against it."""
    faults = _settings(compose, base, to)
    running = compose.services()
    if not all(each.good for name, each in running.items()):
        bad = ", ".join(f"{name} is {each}" for name, each in running.items() if not each.good)
        faults.append(Fault("stack", bad, "bring it up first: make up"))
    # The copy is made by what is in the images, and the rows were by what runs.
    if changed := set(images.stale(compose)) - {DATABASE}:
        what = f"{', '.join(sorted(changed))} run from older images"
        faults.append(Fault("stack", what, "replace them first: make up"))
    try:
        with Session(running[DATABASE].container) as ask:
            size = int(ask(SIZE))
            faults += _busy(ask)
    except SessionError as error:
        faults.append(Fault("database", str(error), "see `make logs S=timescaledb`"))
        raise Refused(faults) from None
    faults += preflight.disk(stack.engine_folder(), size + size // 4 + ROOM)
    if faults:
        raise Refused(faults)
    phase.result = f"{size / preflight.GIBIBYTE:.2f} GiB to copy; nothing stands against it"


def _settings(compose: Compose, base: str, to: str) -> list[Fault]:
    faults = []
    if not to:
        todo = "make move TO=forky, or TO=timescale/timescaledb-ha:pg17"
        faults.append(Fault("make move", "needs TO, a suite of Debian or an image", todo))
    elif base == compose.values["TIMESCALEDB_BASE"]:
        what = f"TIMESCALEDB_BASE in .env is {base or 'empty'} already"
        faults.append(Fault(f"TO={to}", what, "make upgrade takes newer packages of it"))
    for name in ("DB_VOLUME", "TIMESCALEDB_BASE"):
        if name in os.environ:
            what = f"{name}={os.environ[name]} wins over .env, where the move writes it"
            faults.append(Fault(f"variable {name} of your shell", what, f"unset {name}"))
    return faults


def _busy(ask: Session) -> list[Fault]:
    """What must end by itself, or by somebody's hand."""
    faults = []
    if prepared := ask(PREPARED).split("\n")[:-1]:
        what = f"transactions that are prepared and not ended: {', '.join(prepared)}"
        todo = "make provision ARGS='indoubt --settle', or `commit prepared` by hand: make psql"
        faults.append(Fault("database", what, todo))
    if int(ask(LOADS)):
        faults.append(Fault("make load", "a load is running", "wait until it has ended"))
    for line in ask(JOBS).splitlines():
        id, kind, since = line.split("|")
        what = f"{kind} runs since {since} UTC"
        faults.append(Fault(f"job {id}", what, "wait, or cancel it: make jobs ARGS='cancel …'"))
    for id in ask(DELETED).split():
        faults.append(Fault(f"dataset {id}", "is being deleted", "wait until it is: make jobs"))
    return faults


def require_newer(compose: Compose, new: Beside, phase: Phase, *, older: bool) -> None:
    """Raise Refused where the new image is the old one, or older without being asked for."""
    with Session(compose.services()[DATABASE].container) as ask:
        now = versions.of_database(ask)
    then = versions.of_image(new.image)
    if images.image_id(new.image) == images.image_id(image(DATABASE)):
        what = f"is the image that runs, {now}"
        raise Refused([Fault(f"image {new.image}", what, "choose another one")])
    if then.older_than(now) and not older:
        todo = "if that is what you want: OLDER=yes"
        raise Refused([Fault(f"image {new.image}", f"{then} is older than {now}", todo)])
    phase.result = f"from {now} to {then}"


def require_known(unknown: list[str], phase: Phase) -> None:
    """Raise Refused with everything that would be left behind: an object, or it and a sentence."""
    faults = []
    for each in unknown:
        where, _, what = each.partition(": ")
        faults.append(Fault(where, what or "is in the database and not declared", UNKNOWN))
    if faults:
        raise Refused(faults)
    phase.result = "all that is in the database is declared"
