"""`make drill`: the newest backup, restored beside the running stack and compared with it.

A copy proves nothing unless both sides are of one moment. All tables are locked against writers for
as long as it takes to begin a snapshot and to name the place in the WAL, which is milliseconds; the
copy is recovered to that name, and the source is read as of that snapshot.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scripts.host import compare, database, environment, restoring, scratch, targets
from scripts.host.compare import Rows
from scripts.host.compose import Compose, docker
from scripts.host.console import Phase, Phases, columns, info, warn
from scripts.host.faults import Fault, Refused
from scripts.host.restore import wait_archived
from scripts.host.session import Session, SessionError

PURPOSE = "drill"
# A copy that nobody uses needs little.
MEMORY = "512m"
# Seconds that a writer waits for us, that we wait between two tries, and for all of them.
BRIEF, PAUSE, PATIENCE = "200ms", 0.5, 120.0
# Longer than any recovery: what hangs ends.
LONGEST = 6 * 3600.0

LOCK = """
begin;
set local lock_timeout = '{brief}';
-- An autovacuum that is in the way gives way at once.
set local deadlock_timeout = '50ms';
select string_agg(format('%I.%I', n.nspname, c.relname), ', ')
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|information_schema$|_timescaledb_(cache|catalog|config|debug|functions))'
   and c.relkind in ('r', 'p') and c.relpersistence = 'p' and not c.relispartition
   and not exists (select from pg_inherits where inhrelid = c.oid)
"""


@dataclass
class Report:
    """What timestack.shell.drill takes; seconds, and times in UTC."""

    began_at: str
    outcome: str = "failed"
    backup: str = ""
    tables: int = 0
    rows: int = 0
    seconds: float = 0.0
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    faults: list[str] = field(default_factory=list)


def drill(root: Path) -> int:
    """Restore, compare, print, write down; 1 when the copy is not the same or cannot be made."""
    compose = database.running(root, environment.NAMES)
    began = time.monotonic()
    report = Report(datetime.now(UTC).isoformat())
    with scratch.only_one(root):
        try:
            _perform(compose, report, began)
        except Refused as refused:
            report.faults = [f"{fault.where}: {fault.what}" for fault in refused.faults]
        finally:
            scratch.clean(compose, PURPOSE)
    report.seconds = time.monotonic() - began
    _record(compose, report)
    for fault in report.faults:
        warn(fault)
    return 0 if report.outcome == "same" else 1


def _perform(compose: Compose, report: Report, began: float) -> None:
    """Fill in the report, and print what was compared; raises Refused where it does not come so
    far."""
    phases = Phases()
    scratch.clean(compose, PURPOSE)
    with phases.phase("preflight") as phase:
        found = scratch.look(compose)
        newest = targets.choose("", found, datetime.now(UTC))
        report.backup = newest.backup
        report.rpo_seconds = max(0.0, found["at"] - max(each[1] for each in found["ranges"]))
        if faults := restoring.room(newest):
            raise Refused(faults)
        phase.result = f"{newest.backup} of {newest.size / 1e6:,.0f} MB"
    server = compose.services()[scratch.DATABASE].container
    try:
        # Where it fails, the source's session ends first, and with it what waits aside.
        with ThreadPoolExecutor(1) as aside, Session(server) as source:
            with phases.phase("same moment") as phase:
                name = f"drill-{uuid.uuid4().hex[:12]}"
                phase.result = f"writers waited {moment(server, source, name):.0f} ms"
            hashed = aside.submit(compare.hashes, source)
            with phases.phase("archive") as phase, Session(server) as other:
                phase.result = f"{wait_archived(other)} is in the repository"
            with phases.phase("restore") as phase:
                began_restore = time.monotonic()
                target = targets.Target("name", name, newest.backup, newest.size, newest.timeline)
                copy = _copy(compose, phase, target)
                report.rto_seconds = time.monotonic() - began_restore
                phase.result = "the copy answers"
            with phases.phase("compare") as phase:
                with Session(copy) as ask:
                    there = compare.hashes(ask, tell(phase))
                here = hashed.result()
                phase.result = f"{len(here)} tables"
    except (SessionError, TimeoutError) as error:
        raise Refused([Fault(PURPOSE, str(error), "make drill tries again")]) from None
    report.tables, report.rows = len(here), sum(each.count for each in here.values())
    report.faults = compare.differences(here, there)
    report.outcome = "different" if report.faults else "same"
    _print(report, phases, here, there)


def tell(phase: Phase) -> Callable[[str], None]:
    def say(table: str) -> None:
        phase.status = table

    return say


def moment(server: str, source: Session, name: str) -> float:
    """Begin the source's snapshot and name its moment in the WAL; ms that writers waited.

    Raises TimeoutError where a transaction that writes stays open for too long.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        with Session(server) as lock:
            tables = lock(LOCK.format(brief=BRIEF) + ";").strip()
            began = time.monotonic()
            try:
                lock(f"lock table {tables} in share mode;")
                source("begin isolation level repeatable read read only; select 1;")
                lock(f"select pg_create_restore_point('{name}'); commit;")
                return (time.monotonic() - began) * 1000
            except SessionError as error:
                if "lock timeout" not in str(error):
                    raise
        if time.monotonic() > deadline:
            raise TimeoutError(f"a transaction that writes has been open for {PATIENCE:.0f} s")
        time.sleep(PAUSE)


def _copy(compose: Compose, phase: Phase, target: targets.Target) -> str:
    """The container in which the copy answers; raises Refused where it does not."""
    volume = f"{compose.project}_drill"
    docker("volume", "create", "--label", scratch.label(compose, PURPOSE), volume)
    words = ("copy", json.dumps(target.request))
    command = scratch.command(compose, volume, *words, purpose=PURPOSE, memory=MEMORY)
    # In the background; `--rm` would take what it says along.
    command = [*command[:2], "--detach", *(word for word in command[2:] if word != "--rm")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused([Fault(PURPOSE, done.stderr.strip(), "make doctor")])
    name = done.stdout.strip()
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        last = docker("logs", "--tail", "1", name).strip()
        if last.startswith("{"):
            return name
        if docker("inspect", "--format", "{{.State.Running}}", name).strip() != "true":
            said = subprocess.run(
                ["docker", "logs", "--tail", "3", name], capture_output=True, text=True, check=False
            )
            raise Refused([scratch.fault(said.stderr or said.stdout)])
        phase.status = last
        time.sleep(0.2)
    raise Refused([Fault(PURPOSE, "the copy did not come up", "make drill tries again")])


def _print(report: Report, phases: Phases, here: dict[str, Rows], there: dict[str, Rows]) -> None:
    rows = [("table", "rows", "hash", "of the copy")]
    for name, each in here.items():
        same = "the same" if there.get(name) == each else "DIFFERENT"
        rows.append((name, f"{each.count:,}", each.hash, same))
    info("")
    info(columns(rows, right={1}))
    info("")
    info(phases.table())
    info("")
    info(f"{report.rows:,} rows of {report.tables} tables, backup {report.backup}")
    info(f"RPO {report.rpo_seconds:.0f} s: how old the newest point was that could be restored")
    info(f"RTO {report.rto_seconds:.1f} s: from the restore's begin until the copy answered")


def _record(compose: Compose, report: Report) -> None:
    """Write it down by the worker's shell, which tells people of a bad one."""
    done = subprocess.run(
        [*compose.command, "exec", "-T", "worker", "python", "-m", "timestack.shell", "drill"],
        env=compose.environment,
        input=json.dumps(asdict(report)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        warn(f"the drill could not be written down: {done.stderr.strip()}")
