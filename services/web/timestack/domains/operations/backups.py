"""Backups: the newest one, what can be restored, the archive of WAL, the last check of it all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from timestack.domains import backups
from timestack.domains.backups import State
from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import ARCHIVE, BACKUP, VERIFIED
from timestack.models.jobs import Job

NAME = "backups"
OFF = "This database archives nothing, since it has no secret backup_key: `make up` mounts it."
# A segment that is not full waits no longer for its archive (archive_timeout).
SWITCHED = 60.0


class Verified(NamedTuple):
    """Seconds since the repository was verified last, None if never, and what was wrong."""

    age: float | None
    fault: str


def read(budget: Budget) -> Part:
    """Return how the backups are, as of the last look at the repository."""
    with budget.step() as session:
        seen = backups.state(session)
    if not seen.archiver["on"]:
        return Part(NAME, note=OFF)
    with budget.step() as session:
        last = verified(session)
    return Part(NAME, [_newest(seen), _restorable(seen), _archive(seen), _verified(seen, last)])


def figures(session: Session) -> dict[str, float]:
    """Return the same as numbers, seconds and bytes; none where nothing is archived.

    Before the first backup and the first check, their age is that of the cluster.
    """
    seen = backups.state(session)
    if not seen.archiver["on"]:
        return {}
    return {
        "newest_age_seconds": age(seen),
        "archive_age_seconds": archive_age(seen),
        "archive_failed": float(bool(archive_fault(seen))),
        "verify_failed": float(bool(verified(session).fault)),
        "repository_bytes": float(seen.found.get("bytes", 0)),
    }


def age(seen: State) -> float:
    """Return the seconds since the newest backup, or since the cluster was made."""
    taken = [each["ended"] for each in seen.found.get("backups", ())]
    return max(seen.now - max(taken, default=seen.archiver["made_at"]), 0.0)


def archive_age(seen: State) -> float:
    """Return for how many seconds what was written is in no archive, at most."""
    past = max(seen.now - seen.archiver["archived_at"], 0.0)
    return past if seen.archiver["waiting"] else min(past, SWITCHED)


def archive_fault(seen: State) -> str:
    """Return what is wrong with the repository or the way there; empty for nothing."""
    archiver, found = seen.archiver, seen.found
    if found.get("error"):
        return found["error"]
    if (archiver["failed_at"] or 0) > archiver["archived_at"]:
        return "WAL cannot be archived"
    kept = found.get("archive", {})
    if (kept.get("archived") or "") > kept.get("newest", ""):
        return "WAL was dropped, since too much of it waited for the archive"
    if not found.get("is_unbroken", True):
        return "WAL since the newest backup is missing in the archive"
    return ""


def verified(session: Session) -> Verified:
    """Return how the newest check of the repository that has ended was."""
    row = session.execute(
        select(func.extract("epoch", func.now() - Job.finished_at), Job.state, Job.errors)
        .where(Job.kind == "backups.verify", Job.state.in_(("succeeded", "failed")))
        .order_by(Job.finished_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return Verified(None, "")
    seconds, state, errors = row
    fault = (errors[-1]["error"] if errors else "it failed") if state == "failed" else ""
    return Verified(float(seconds), fault)


def _newest(seen: State) -> Check:
    taken = seen.found.get("backups", ())
    past = age(seen)
    if taken:
        last = taken[-1]
        value = f"{last['type']}, {words.about(past)} ago, of {words.size(last['bytes'])}"
    else:
        value = "none yet"
    return Check(
        "Newest backup",
        value,
        BACKUP.state(past),
        str(BACKUP),
        "One is taken each night. Its jobs say why it was not:",
        "make backup",
        "/dash/jobs?kind=backups.take",
    )


def _restorable(seen: State) -> Check:
    spans = [f"{_at(begin)} to {_at(end)}" for begin, end in seen.found.get("ranges", ())]
    size = words.size(seen.found.get("bytes", 0))
    return Check(
        "Can be restored to",
        f"{' and '.join(spans) or 'nothing yet'} (UTC), of {size} in the repository",
    )


def _at(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _archive(seen: State) -> Check:
    past = archive_age(seen)
    fault = archive_fault(seen)
    waiting = seen.archiver["waiting"]
    value = f"{words.about(past)} behind" if past > SWITCHED else "up to the last minute"
    return Check(
        "Archive of WAL",
        f"{value}: {fault}" if fault else value + (f", {waiting} segments wait" if waiting else ""),
        "act" if fault else ARCHIVE.state(past),
        str(ARCHIVE),
        "What was written since is lost with this host. Is the repository full, away, or of another"
        " key? It goes on by itself once it can, and takes a backup where WAL is missing.",
        "make logs S=timescaledb",
    )


def _verified(seen: State, last: Verified) -> Check:
    past = seen.now - seen.archiver["made_at"] if last.age is None else last.age
    value = "not yet" if last.age is None else f"{words.about(last.age)} ago"
    return Check(
        "Verified",
        f"{value}: {last.fault}" if last.fault else value,
        "act" if last.fault else VERIFIED.state(past),
        str(VERIFIED),
        "What is damaged cannot be restored. Take a full backup, which needs none of it, and look"
        " at the repository's disk:",
        "make backup TYPE=full",
        "/dash/jobs?kind=backups.verify",
    )
