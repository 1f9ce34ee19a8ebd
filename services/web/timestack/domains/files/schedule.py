"""The schedule file of the scanner: which folders hold what, and whose it is.

Every fault is reported at once as ``file:line: key: what is wrong``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from timestack.models.files import FILE_TYPES
from timestack.series.catalog import Interval, Zone
from timestack.validation import Document, Fault, NotYaml, message

# What a file is read as where the schedule does not say.
SUFFIXES = {".xml": "junit", ".tap": "tap", ".jsonl": "reportlog"}
NAME = r"^\P{C}+$"
ORIGIN = ("owner", "site", "host")
LARGEST = 1 << 30


class ScheduleError(ValueError):
    """The schedule cannot be used; ``faults`` holds one ``file:line: key: message`` per fault."""

    def __init__(self, *faults: str):
        self.faults = faults
        super().__init__("\n".join(faults))


def _folder(given: str) -> str:
    if not given.startswith("/"):
        raise ValueError("is not an absolute path: begin it with a slash")
    return given.rstrip("/") or "/"


def _pattern(given: str) -> str:
    if given.startswith("/") or ".." in given.split("/"):
        raise ValueError("is not below `directory`: write it like `**/*.xml`")
    return given


def _size(given: object) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6}) (kB|MB)", given) if isinstance(given, str) else None
    size = int(found[1]) * {"kB": 10**3, "MB": 10**6}[found[2]] if found else 0
    if not 0 < size <= LARGEST:
        raise ValueError(f"{given!r} is not a size: write it like `64 MB`, 1 GB at most")
    return size


Name = Annotated[str, StringConstraints(pattern=NAME, max_length=120)]
Tag = Annotated[str, StringConstraints(pattern=r"^\P{C}*$", max_length=120)]
Folder = Annotated[str, StringConstraints(min_length=1), AfterValidator(_folder)]
Pattern = Annotated[str, StringConstraints(pattern=NAME, max_length=500), AfterValidator(_pattern)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Entry):
    """A folder, and what to make of the files in it.

    ``files`` are patterns of paths below the folder: ``*`` is any part of a name, ``**`` any
    folders. ``owner``, ``site`` and ``host`` are those of the schedule unless they are given here.
    ``suite`` names all results alike, ``run_tag`` all runs; by default a file says its suite, and
    the name of a run's directory is its tag. ``timezone`` is that of times which name none.
    Files above ``max_size`` bytes are registered and not read.
    """

    directory: Folder
    files: Annotated[list[Pattern], Field(min_length=1)] = [f"**/*{each}" for each in SUFFIXES]
    type: Literal[FILE_TYPES] | None = None
    owner: Name = ""
    site: Name = ""
    host: Name = ""
    suite: Name | None = None
    run_tag: Tag | None = None
    user_tag: Tag = ""
    time_to_live: Interval | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] = 0
    timezone: Zone = "UTC"
    max_size: Annotated[int, BeforeValidator(_size)] = 64_000_000

    def wants(self, parts: list[str]) -> bool:
        """Whether a path below the folder, as its parts, matches a pattern."""
        return any(_matches(parts, pattern.split("/")) for pattern in self.files)

    def type_of(self, name: str) -> str:
        """What a file of this name is read as."""
        return self.type or SUFFIXES.get(Path(name).suffix.lower(), "other")

    def expired(self, age: timedelta) -> bool:
        """Whether a file that was modified so long ago is past its time to live."""
        return self.time_to_live is not None and age > self.time_to_live


class Schedule(_Entry):
    """The whole file."""

    owner: Name | None = None
    site: Name | None = None
    host: Name | None = None
    sources: Annotated[list[Source], Field(min_length=1)]


def parse(text: str, file: str, here: str) -> list[Source]:
    """Return the sources that a text declares; ``here`` is the host where it names none.

    Raises ScheduleError with every fault.
    """
    try:
        document = Document(text, file)
    except NotYaml as error:
        raise ScheduleError(str(error)) from None
    faults = [*document.twice, *_without_origin(document.data)]
    try:
        schedule = Schedule.model_validate({} if document.data is None else document.data)
    except ValidationError as error:
        faults += [(each["loc"], _message(each)) for each in error.errors()]
    if faults:
        raise ScheduleError(*document.listed(faults))
    whose = {"owner": schedule.owner, "site": schedule.site, "host": schedule.host or here}
    return [
        each.model_copy(update={name: getattr(each, name) or whose[name] for name in ORIGIN})
        for each in schedule.sources
    ]


def load(path: Path, here: str) -> list[Source]:
    """Read and validate a file. Raises ScheduleError with every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScheduleError(f"{path}: {error.strerror}: name the schedule file") from None
    except UnicodeDecodeError as error:
        raise ScheduleError(f"{path}: byte {error.start}: not UTF-8") from None
    return parse(text, str(path), here)


def _without_origin(data: Any) -> Iterator[Fault]:
    """Sources that no owner or site is given for, there or for all."""
    sources = data.get("sources") if isinstance(data, dict) else None
    for number, each in enumerate(sources if isinstance(sources, list) else ()):
        for name in ("owner", "site"):
            if isinstance(each, dict) and not (each.get(name) or data.get(name)):
                yield ("sources", number, name), "is required, here or for all sources"


def _message(error: dict[str, Any]) -> str:
    if error["type"] == "string_pattern_mismatch":
        return "must be printable text"
    return message(error)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
