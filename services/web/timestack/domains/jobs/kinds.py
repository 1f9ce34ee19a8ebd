"""The kinds of jobs: what may be asked for, and the rules of each.

A kind is the name of a task under ``timestack/tasks``. Its parameters are declared here, since the
web checks them and knows no task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from timestack import queue
from timestack.validation import whole

UNFINISHED = "unfinished"
# A job's unique key with this beginning is free again when the job ends.
OPEN = "open:"


class Params(BaseModel):
    """The parameters of a kind that has none; those of others are a model that inherits."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProbeParams(Params):
    """What a probe writes, and how long it takes, in seconds."""

    mark: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,100}$")] = ""
    seconds: Annotated[float, Field(strict=True, ge=0, le=60, allow_inf_nan=False)] = 0


class UsageParams(Params):
    """How many days up to yesterday (UTC) are asked for at least; None: what is missing."""

    days: Annotated[int, Field(strict=True, ge=1, le=180), BeforeValidator(whole)] | None = None


# What can be told, and how a summary counts it.
EVENTS = {
    "alert": "alerts",
    "failure": "failed jobs",
    "manifest": "changes of the manifest",
    "schedule": "missed schedules",
}
LONGEST_SUBJECT, LONGEST_TEXT = 200, 1000
# PostgreSQL keeps no NUL.
WITHOUT_NUL = r"^[^\x00]*$"
Channel = Literal["webhook", "email"]


class Message(Params):
    """What a person is told, in plain text; ``path`` is where to look, below this site's root."""

    subject: Annotated[str, Field(min_length=1, max_length=LONGEST_SUBJECT, pattern=WITHOUT_NUL)]
    text: Annotated[str, Field(max_length=LONGEST_TEXT, pattern=WITHOUT_NUL)] = ""
    path: Annotated[str, StringConstraints(pattern=r"^(/[!-~]*)?$", max_length=200)] = ""


class Notification(Message):
    """A message about one of EVENTS, to every channel."""

    event: Literal[tuple(EVENTS)]


class Delivery(Message):
    """A message on its way by one channel."""

    channel: Channel


class SummaryParams(Params):
    """The channel by which some messages were not sent."""

    channel: Channel


@dataclass(frozen=True)
class Kind:
    """The rules of one kind.

    ``queue`` SHORT or LONG: long ones have a worker of their own. ``exclusive`` work is never done
    twice at once: the second waits. After ``time_limit`` it is asked to stop, a minute later its
    process is killed; then, as after an error, it is tried again, ``max_attempts`` times in all:
    after ``backoff``, twice that, and so on, each half as long to half as long again by chance.
    ``unique``: jobs with equal parameters are one while it is UNFINISHED, or within a window of
    time; None makes each request a job.
    """

    name: str
    title: str
    params: type[Params] = Params
    queue: Literal["short", "long"] = queue.SHORT
    exclusive: bool = True
    time_limit: timedelta = timedelta(minutes=5)
    max_attempts: int = 3
    backoff: timedelta = timedelta(seconds=15)
    unique: timedelta | Literal["unfinished"] | None = None

    def __post_init__(self) -> None:
        """Refuse a limit beyond that of a worker's queries."""
        if self.time_limit > queue.LONGEST:
            raise ValueError(f"{self.name}: the longest time limit is {queue.LONGEST}")


_KINDS = (
    Kind(
        "rollups.refresh",
        "Bring every rollup up to date with its readings",
        time_limit=timedelta(minutes=25),
    ),
    Kind(
        "usage.ingest",
        "Take in every account's usage from the platform, up to yesterday",
        UsageParams,
        queue=queue.LONG,
        time_limit=timedelta(minutes=25),
        backoff=timedelta(minutes=5),
    ),
    Kind("companies.fetch", "Take in companies and their finances from the platform"),
    Kind(
        "manifest.refresh",
        "Bring the manifest to the platform's version",
        unique=UNFINISHED,
    ),
    Kind(
        "files.drain",
        "Work out what follows from files that the scanner read, and drop what is out of date",
        queue=queue.LONG,
        time_limit=timedelta(minutes=25),
    ),
    Kind(
        "alerts.evaluate",
        "Look which alert rules hold, and tell of those that began or ended",
        # The next minute's is as good as a late one.
        unique=UNFINISHED,
    ),
    Kind("certificates.check", "Look which certificates end within thirty days"),
    Kind("jobs.prune", "Delete the rows of jobs and tokens that ended long ago"),
    Kind(
        "jobs.probe",
        "Show that jobs are run: wait some seconds and write one row",
        ProbeParams,
        exclusive=False,
    ),
    Kind("notify.send", "Tell people what happened", Notification, exclusive=False),
    Kind(
        "notify.deliver",
        "Send a message by webhook or e-mail",
        Delivery,
        exclusive=False,
        time_limit=timedelta(minutes=1),
        max_attempts=5,
        backoff=timedelta(seconds=10),
    ),
    Kind(
        "notify.summary",
        "Tell people how much was held back",
        SummaryParams,
        exclusive=False,
        unique=UNFINISHED,
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}


def find(name: str) -> Kind:
    """Return a kind by its name; raises UnknownKindError."""
    if name not in KINDS:
        raise UnknownKindError(name)
    return KINDS[name]


def unique_key(kind: Kind, params: Mapping[str, Any]) -> str | None:
    """Return what no two jobs may share, within the kind's window if it has one; None: nothing."""
    if kind.unique is None:
        return None
    text = json.dumps(params, sort_keys=True, separators=(",", ":"))
    key = f"{kind.name}:{sha256(text.encode()).hexdigest()[:32]}"
    return OPEN + key if kind.unique == UNFINISHED else key


def window(kind: Kind) -> float | None:
    """Return the seconds for which equal parameters are one job, None where there is no window."""
    return kind.unique.total_seconds() if isinstance(kind.unique, timedelta) else None


class UnknownKindError(ValueError):
    """The kind is not in KINDS."""

    def __init__(self, kind: str):
        shown = kind if len(kind) <= 100 else f"{kind[:100]}…"
        super().__init__(f"kind {shown!r} is not known: use one of {', '.join(sorted(KINDS))}")
