"""What `make restore TO=…` asks for: a moment, a backup or the newest; and the backup it begins at.

A restored cluster goes on in a timeline of its own. What was written after the moment that it was
restored to is in the repository still, in the timeline before, and is not part of its past.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from scripts.host.faults import Fault, Refused

LABEL = re.compile(r"\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?")
EXAMPLE = "2026-11-25 10:00:00+00"


@dataclass(frozen=True)
class Target:
    """`kind` and `value` as pgBackRest takes them; the label and size (bytes) of the backup.

    `moment` is the time that was asked for, None without one.
    """

    kind: Literal["default", "time", "immediate", "name"]
    value: str
    backup: str
    size: int
    timeline: int
    moment: datetime | None = None

    @property
    def request(self) -> dict:
        """What restore.py in the container takes."""
        return {
            "type": self.kind,
            "target": self.value,
            "backup": self.backup,
            "timeline": self.timeline,
        }

    def __str__(self) -> str:
        if self.kind == "immediate":
            return f"the end of backup {self.backup}"
        if self.moment:
            return f"{shown(self.moment)}, from backup {self.backup}"
        return f"the newest that is archived, from backup {self.backup}"


def choose(to: str, found: dict, now: datetime, *, is_live: bool = False) -> Target:
    """Where `to` leads, by what restore.py found; empty is the newest.

    `is_live` says that the database runs: it can archive what it has written up to now. Raises
    Refused, with nothing changed.
    """
    if not found["backups"]:
        todo = "make backup takes one; see BACKUP_PATH and BACKUP_S3_BUCKET in .env"
        raise _refused("repository of backups", "holds no backup", todo)
    timeline = timeline_of(found)
    backups = sorted(
        (each for each in found["backups"] if holds(found["histories"], timeline, each)),
        key=lambda each: each["ended"],
    )
    where = f"TO={to}"
    if not to:
        if not backups:
            raise _refused("repository of backups", "holds no backup of this database", NONE)
        return _target("default", "", _fits(where, backups[-1], found), timeline)
    if LABEL.fullmatch(to):
        named = [each for each in found["backups"] if each["label"] == to]
        if not named:
            labels = ", ".join(each["label"] for each in found["backups"][-5:])
            raise _refused(where, "is not a backup in the repository", f"the newest are {labels}")
        return _target("immediate", "", _fits(where, named[0], found), timeline)
    moment = moment_of(to)
    before = [each for each in backups if each["ended"] <= moment.timestamp()]
    newest = now if is_live else _at(max((each[1] for each in found["ranges"]), default=0))
    if not before:
        first = shown(_at(backups[0]["ended"])) if backups else "never"
        raise _refused(where, f"is before the first backup ended: {first}", RANGE)
    if moment > newest:
        raise _refused(where, f"is after what can be restored: {shown(newest)}", RANGE)
    value = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
    return _target("time", value, _fits(where, before[-1], found), timeline, moment)


RANGE = "choose a time within the range that make backups shows"
NONE = "make backup takes one"


def moment_of(text: str) -> datetime:
    """A time with its zone; raises Refused for any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None:
        what = "is neither a time nor the label of a backup"
        raise _refused(f"TO={text}", what, f"write a time with its zone: TO='{EXAMPLE}'")
    if moment.tzinfo is None:
        what = "is a time without its zone, which could be any of two dozen moments"
        raise _refused(f"TO={text}", what, f"write the zone at its end: TO='{text}+00' is UTC")
    return moment


def timeline_of(found: dict) -> int:
    """The timeline to follow: that of the database, or the newest that the last backup is in."""
    if found["volume"] and found["volume"]["timeline"]:
        return found["volume"]["timeline"]
    newest = max(found["backups"], key=lambda each: each["ended"])
    known = {int(each) for each in found["histories"]} | {newest["timeline"]}
    return max(each for each in known if holds(found["histories"], each, newest))


def holds(histories: dict, timeline: int, backup: dict) -> bool:
    """Whether a backup is in a timeline's past; JSON has the numbers of `histories` as text."""
    if backup["timeline"] == timeline:
        return True
    past = histories.get(str(timeline), ())
    return any(backup["timeline"] == of and backup["lsn"] <= until for of, until in past)


def shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fits(where: str, backup: dict, found: dict) -> dict:
    """The backup, unless it is another major's; raises Refused then."""
    major, own = backup["major"], found["image"]["major"]
    if major in ("", own):
        return backup
    what = f"backup {backup['label']} is of PostgreSQL {major}, and this image has {own}"
    raise _refused(where, what, "check out the version of the project that made it, then restore")


def _target(kind, value, backup: dict, timeline: int, moment: datetime | None = None) -> Target:
    return Target(kind, value, backup["label"], backup["bytes"], timeline, moment)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _refused(where: str, what: str, todo: str) -> Refused:
    return Refused([Fault(where, what, todo)], untouched=True)
