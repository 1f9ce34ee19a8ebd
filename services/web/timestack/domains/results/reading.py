"""Reading a file of test results: all of it, as it was at one moment, or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from timestack.domains.results import junit, reportlog, tap
from timestack.domains.results.outcome import EARLIEST, LATEST, Suite

FORMATS: dict[str, Callable[[bytes, ZoneInfo], list[Suite]]] = {
    "junit": junit.parse,
    "tap": lambda data, _: tap.parse(data),
    "reportlog": lambda data, _: reportlog.parse(data),
}


class ChangingError(Exception):
    """The file changed while it was read: another time it will be whole."""


class TooLargeError(Exception):
    """The file has more bytes than are read."""


@dataclass(frozen=True)
class State:
    """What the file system knows of a file; ``size`` in bytes, ``modified`` in UTC."""

    size: int
    modified: datetime

    @classmethod
    def of(cls, found: os.stat_result) -> State:
        """In whole microseconds and within the bounds, which is what the database keeps."""
        first, last = (
            int(datetime.combine(day, time(), UTC).timestamp()) for day in (EARLIEST, LATEST)
        )
        seconds, rest = divmod(found.st_mtime_ns, 10**9)
        seconds = min(max(seconds, first), last - 1)
        modified = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
        return cls(found.st_size, modified)


@dataclass(frozen=True)
class Content:
    """The bytes of a file, and its state before and after they were read."""

    state: State
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def suites(self, type: str, zone: ZoneInfo) -> list[Suite]:
        """Return its suites; ``type`` is of FORMATS. Raises ResultFileError."""
        return FORMATS[type](self.data, zone)


def read(path: bytes, most: int) -> Content:
    """Read a regular file of at most ``most`` bytes.

    Raises ChangingError for one that is written meanwhile, TooLargeError, and OSError, also for
    what is not a regular file; a link is not followed.
    """
    # A pipe put in the file's place would make the one who opens it wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "is not a regular file", path)
        if before.st_size > most:
            raise TooLargeError
        data = file.read(most + 1)
        after = os.fstat(descriptor)
    state = State.of(before)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or len(data) != state.size:
        raise ChangingError
    return Content(state, data)
