"""From where on something is to be looked at, and from where on somebody must act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from timestack.domains.operations import words
from timestack.domains.operations.check import State

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True)
class Limits:
    """Two limits of a value, ``act`` None where nothing is urgent.

    ``write`` says how the value is written. Where ``low`` is bad, they are reached from above.
    """

    look: float
    act: float | None
    write: Callable[[float], str]
    low: bool = False

    def state(self, value: float) -> State:
        """Return how a value is; at a limit it is as beyond it."""
        if self.act is not None and self._beyond(value, self.act):
            return "act"
        return "look" if self._beyond(value, self.look) else "good"

    def _beyond(self, value: float, limit: float) -> bool:
        return value <= limit if self.low else value >= limit

    def __str__(self) -> str:
        """Both limits in words."""
        text = f"look at it {self._at(self.look)}"
        return text if self.act is None else f"{text}, act {self._at(self.act)}"

    def _at(self, limit: float) -> str:
        return f"at {self.write(limit)} or less" if self.low else f"from {self.write(limit)} on"


# Shares are from 0 to 1, durations in seconds.
DISK_FREE = Limits(0.20, 0.10, words.share, low=True)
DISK_FULL = Limits(60 * DAY, 14 * DAY, words.about, low=True)
CONNECTIONS = Limits(0.80, 0.95, words.share)
CACHE_HITS = Limits(0.95, None, words.share, low=True)
TRANSACTION = Limits(30 * MINUTE, 2 * HOUR, words.about)
# Each statement on a table looks at all of its chunks before it begins.
CHUNKS = Limits(2_000, 10_000, words.number)
REFRESH = Limits(15 * MINUTE, 2 * HOUR, words.about)
STATEMENT = Limits(1.0, None, words.about)
WAITING = Limits(5 * MINUTE, 30 * MINUTE, words.about)
FAILURES = Limits(1, 20, words.number)
SCHEDULE = Limits(10 * MINUTE, HOUR, words.about)
REDIS_MEMORY = Limits(0.75, 0.90, words.share)
# One each night, an archive each minute, a check each week.
BACKUP = Limits(26 * HOUR, 50 * HOUR, words.about)
ARCHIVE = Limits(5 * MINUTE, 30 * MINUTE, words.about)
VERIFIED = Limits(8 * DAY, 15 * DAY, words.about)
# The proxy renews it thirty days before its end, and tries again each day.
PUBLIC_CERTIFICATE = Limits(23 * DAY, 7 * DAY, words.about, low=True)
CERTIFICATE = Limits(30 * DAY, 7 * DAY, words.about, low=True)
# One a month, and some days for whoever must look.
DRILL = Limits(35 * DAY, None, words.about)
