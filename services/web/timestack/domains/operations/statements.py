"""The statements that took the most time, as pg_stat_statements adds them up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import STATEMENT

NAME = "statements"
STATEMENTS = text("""
    select role, runs, total_ms, mean_ms, returned as rows, statement as text, since
      from timestack_server.statements()
""")
# Runs below which a mean is one of bad luck.
FEWEST = 5
# The library is not loaded, or its view is not there.
ABSENT = (errors.ObjectNotInPrerequisiteState, errors.UndefinedTable)
WITHOUT = "The database's image has no pg_stat_statements, so that no statement is counted."


@dataclass(frozen=True)
class Statement:
    """One statement with parameters for its constants; times in milliseconds, since ``since``."""

    role: str
    runs: int
    total_ms: float
    mean_ms: float
    rows: int
    text: str
    since: datetime

    @property
    def slow(self) -> bool:
        """Whether it is to be looked at."""
        return self.runs >= FEWEST and STATEMENT.state(self.mean_ms / 1000) != "good"


def read(budget: Budget) -> Part:
    """Return the statements with the most time in all first; none where the library is absent."""
    try:
        with budget.step() as session:
            rows = [Statement(*row) for row in session.execute(STATEMENTS)]
    except DBAPIError as error:
        if isinstance(error.orig, ABSENT):
            return Part(NAME, note=WITHOUT)
        raise
    slow = [each for each in rows if each.slow]
    check = Check(
        "Slow statements",
        f"{len(slow)} of {len(rows)}" if slow else "none",
        "look" if slow else "good",
        f"{STATEMENT} in the mean, of {FEWEST} runs or more",
        "`explain (analyze, buffers)` of it in pgAdmin says what takes so long.",
        link="/pgadmin/",
    )
    return Part(NAME, [check], rows)
