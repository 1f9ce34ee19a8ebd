"""One step of an alert: what it is after a look, by what it was and what was seen.

Nothing here knows the time or the database: what was seen says when.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["pending", "firing", "resolved"]


@dataclass(frozen=True)
class Sight:
    """A look at a series: whether it is an alert, or clear of one; between the two it is neither.

    ``since`` is when the readings began to be so; None where only the present is known.
    """

    at: datetime
    is_alert: bool
    is_clear: bool
    since: datetime | None = None


@dataclass(frozen=True)
class Condition:
    """An alert as it is: ``since`` when its condition holds, and is over."""

    state: State
    since: datetime
    clear_since: datetime | None = None


def step(
    before: Condition | None, seen: Sight, hold: timedelta, clear_hold: timedelta
) -> Condition | None:
    """Return what an alert is after a look; None where there is none.

    It fires when the condition has held for ``hold``, and is resolved when it has been clear for
    ``clear_hold``, each without a break. What is between the thresholds of the two breaks either.
    """
    if before is None or before.state == "pending":
        if not seen.is_alert:
            return None
        since = seen.since or (before.since if before else seen.at)
        return Condition("firing" if seen.at - since >= hold else "pending", since)
    if not seen.is_clear:
        return Condition("firing", before.since)
    since = seen.since or before.clear_since or seen.at
    over = seen.at - since >= clear_hold
    return Condition("resolved" if over else "firing", before.since, since)
