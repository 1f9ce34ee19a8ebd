"""The kinds of jobs: what may be asked for, and the rules of each.

A kind is the name of a task under ``timestack/tasks``. Its parameters are declared here, since the
web checks them and knows no task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from timestack import queue
from timestack.domains.forecast import asked
from timestack.domains.prices.listing import Label, Symbol
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


class PricesParams(Params):
    """Whose prices; name and industry are those of a ticker that is new."""

    symbol: Symbol
    name: Label = ""
    industry: Label = ""


class PricesFileParams(PricesParams):
    """The upload that holds them."""

    upload: UUID


def _written(given: Any) -> Any:
    """Refuse a day that is not written as one: a number is not a date."""
    try:
        return given if isinstance(given, date) else date.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError("write a day as 2012-12-31") from None


def _once(features: tuple[str, ...]) -> tuple[str, ...]:
    """Each feature once, in the order of ``asked.FEATURES``: the same question is one."""
    return tuple(each for each in asked.FEATURES if each in features)


class ForecastParams(Params):
    """Whose direction is learned, by what, and how the model is judged.

    ``test_start`` is the first day that it does not see; ``gap`` are the days of trading left out
    between the parts of a fold, ``cost`` is in basis points of what is traded.
    """

    symbol: Symbol
    classifier: asked.Classifier
    test_start: Annotated[date, BeforeValidator(_written)]
    tuning: StrictBool = False
    folds: Annotated[
        int,
        Field(strict=True, ge=asked.FEWEST_FOLDS, le=asked.MOST_FOLDS),
        BeforeValidator(whole),
    ] = 5
    gap: Annotated[int, Field(strict=True, ge=1, le=60), BeforeValidator(whole)] = 1
    positions: asked.Positions = "long"
    cost: Annotated[float, Field(strict=True, ge=0, le=1000, allow_inf_nan=False)] = 10
    features: Annotated[tuple[asked.Feature, ...], Field(min_length=1), AfterValidator(_once)] = (
        tuple(asked.FEATURES)
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32), BeforeValidator(whole)] = 1


class BackupParams(Params):
    """All of the database, what changed since the last full backup, or since any backup."""

    type: Literal["full", "diff", "incr"] = "diff"


# What can be told, and how a summary counts it.
EVENTS = {
    "alarm": "alarms",
    "alert": "alerts",
    "backup": "messages of the backups",
    "drill": "failed drills",
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


class DatasetParams(Params):
    """The id of a dataset."""

    dataset: Annotated[int, Field(strict=True, ge=1, lt=2**63), BeforeValidator(whole)]


class DatasetLoadParams(DatasetParams):
    """The upload that fills it, and whether rows that are refused are left out."""

    upload: UUID
    skip_bad_rows: StrictBool = False


@dataclass(frozen=True)
class Kind:
    """The rules of one kind.

    ``queue`` SHORT, LONG, OWNER or FORECAST: long ones have a worker of their own, and so have
    those that make tables and those that train models. ``exclusive`` work is never done twice at
    once: the second waits. After ``time_limit`` it is asked to stop, a minute later its process is
    killed; then, as after an error, it is tried again, ``max_attempts`` times in all: after
    ``backoff``, twice that, and so on, each half as long to half as long again by chance.
    ``unique``: jobs with equal parameters are one while it is UNFINISHED, or within a window of
    time; None makes each request a job.
    ``told``: people are told of one that fails for good; not of those that somebody waits for, nor
    of those that tell.
    """

    name: str
    title: str
    params: type[Params] = Params
    queue: Literal["short", "long", "owner", "forecast"] = queue.SHORT
    exclusive: bool = True
    time_limit: timedelta = timedelta(minutes=5)
    max_attempts: int = 3
    backoff: timedelta = timedelta(seconds=15)
    unique: timedelta | Literal["unfinished"] | None = None
    told: bool = True

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
        "prices.fetch",
        "Take in a ticker's daily prices from where PRICES_URL offers them",
        PricesParams,
        exclusive=False,
        max_attempts=2,
        backoff=timedelta(seconds=10),
        unique=UNFINISHED,
        told=False,
    ),
    Kind(
        "prices.load",
        "Take in a ticker's daily prices from a file that was uploaded",
        PricesFileParams,
        # Its worker alone has the volume of uploads.
        queue=queue.LONG,
        exclusive=False,
        max_attempts=2,
        backoff=timedelta(seconds=10),
        unique=UNFINISHED,
        told=False,
    ),
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
    Kind(
        "datasets.make",
        "Make the table of a dataset as it is declared, with its rollups and rights",
        DatasetParams,
        queue=queue.OWNER,
    ),
    Kind(
        "datasets.load",
        "Load the file of a dataset into its table",
        DatasetLoadParams,
        queue=queue.LONG,
        exclusive=False,
        time_limit=timedelta(hours=2),
    ),
    Kind(
        "datasets.drop",
        "Drop the table of a dataset and forget it",
        DatasetParams,
        queue=queue.OWNER,
        # A load that was cancelled may take a while to end.
        max_attempts=10,
        backoff=timedelta(seconds=5),
    ),
    Kind(
        "forecast.train",
        "Train a model on a ticker's prices, and judge it on days that it has not seen",
        ForecastParams,
        queue=queue.FORECAST,
        exclusive=False,
        time_limit=timedelta(minutes=25),
        max_attempts=2,
        unique=UNFINISHED,
        told=False,
    ),
    Kind(
        "backups.take",
        "Take a backup of the database: full, or what changed since the last full one",
        BackupParams,
        queue=queue.LONG,
        time_limit=timedelta(hours=4),
        backoff=timedelta(minutes=10),
        unique=UNFINISHED,
    ),
    Kind(
        "backups.verify",
        "Verify that WAL is archived and that every file of the backups is whole",
        queue=queue.LONG,
        time_limit=timedelta(hours=4),
        backoff=timedelta(minutes=10),
        unique=UNFINISHED,
        # Damage is told of by what watches, with what to do.
        told=False,
    ),
    Kind(
        "backups.watch",
        "Look at the backups and their archive, and tell of what is wrong",
        unique=UNFINISHED,
    ),
    Kind("certificates.check", "Look which certificates end within thirty days"),
    Kind("operations.sample", "Note sizes, free space and waiting jobs"),
    Kind(
        "jobs.prune",
        "Delete the rows of jobs and tokens that ended long ago, and forgotten uploads",
        # Its worker alone has the volume of uploads.
        queue=queue.LONG,
    ),
    Kind(
        "jobs.probe",
        "Show that jobs are run: wait some seconds and write one row",
        ProbeParams,
        exclusive=False,
    ),
    Kind("notify.send", "Tell people what happened", Notification, exclusive=False, told=False),
    Kind(
        "notify.deliver",
        "Send a message by webhook or e-mail",
        Delivery,
        exclusive=False,
        time_limit=timedelta(minutes=1),
        max_attempts=5,
        backoff=timedelta(seconds=10),
        told=False,
    ),
    Kind(
        "notify.summary",
        "Tell people how much was held back",
        SummaryParams,
        exclusive=False,
        unique=UNFINISHED,
        told=False,
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
