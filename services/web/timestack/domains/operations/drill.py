"""Whether a backup was restored lately, and what the copy was like."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from timestack.domains import drills
from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import DRILL
from timestack.models.drills import Drill
from timestack.models.operations import Sample

NAME = "drill"
COMMAND = "make drill"
ADVICE = "Only a restored backup is known to be one. This restores the newest beside the stack:"


def read(budget: Budget) -> Part:
    """Return how the last drill went, and for how long none was good."""
    with budget.step() as session:
        now = session.scalar(select(func.now()))
        last = drills.last(session)
        good = drills.last_good(session)
        # A stack that never had one is as old as its first sample.
        since = good or session.scalar(select(func.min(Sample.time))) or now
    seconds = (now - since).total_seconds()
    checks = [
        Check(
            "Last good drill",
            f"{words.about(seconds)} ago" if good else "none yet",
            DRILL.state(seconds),
            str(DRILL),
            ADVICE,
            COMMAND,
        )
    ]
    if last is None:
        return Part(NAME, checks)
    if last.outcome != "same":
        return Part(NAME, [*checks, _bad(last, now)])
    return Part(NAME, [*checks, *_figures(last)])


def _bad(drill: Drill, now: datetime) -> Check:
    ago = words.about((now - drill.began_at).total_seconds())
    return Check(
        "Last drill",
        f"{ago} ago: {' '.join(drill.faults)}",
        "act",
        advice="This backup may not bring back what is in the database. See why, and try again:",
        command=COMMAND,
    )


def _figures(drill: Drill) -> list[Check]:
    rows = f"{words.number(drill.rows)} rows of {drill.tables} tables, all the same"
    checks = [Check("Compared", f"{rows}, in {words.about(drill.seconds)} ({drill.backup})")]
    if drill.rpo_seconds is not None:
        value = f"what was written in the last {words.about(drill.rpo_seconds)}"
        checks.append(Check("Would have been lost", value))
    if drill.rto_seconds is not None:
        checks.append(Check("Until the copy answered", words.about(drill.rto_seconds)))
    return checks
