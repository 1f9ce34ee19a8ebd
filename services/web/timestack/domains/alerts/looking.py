"""A look by all rules: one that cannot be looked at says why, and spoils none of the others.

All statements are run in one savepoint, which costs next to nothing. Only where one fails are they
run again, each in a savepoint of its own, and of one that fails then each rule by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from timestack.domains.alerts.observe import Seen, observe
from timestack.domains.alerts.statement import Look
from timestack.domains.operations.budget import Budget, SlowError
from timestack.models.alerts import Alert
from timestack.progress import Progress
from timestack.series import catalog

# Seconds of one statement, and of all where each is run by itself: less than its job has.
EACH, WHOLE = 30.0, 150.0
SLOW = (
    "the database was too slow for it: a shorter `within` or `over`, or fewer series by `keys` or"
    " `where`, is less to read"
)


class Sight(NamedTuple):
    """What the rules of a look saw, with the alerts of theirs that are open; or why it failed."""

    names: list[str]
    opened: list[Alert]
    seen: Sequence[Seen]
    fault: str = ""


class Looking:
    """One evaluation's looks; ``now`` is the database's time."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        declared: catalog.Catalog,
        opened: Mapping[str, Sequence[Alert]],
        progress: Progress,
    ):
        self._session, self._now, self._declared = session, now, declared
        self._opened, self._progress = opened, progress

    def all(self, looks: Sequence[Look]) -> list[Sight]:
        """Return what was seen by each look, or by each rule of it."""
        try:
            with self._session.begin_nested():
                return [self._seen(look, n / len(looks)) for n, look in enumerate(looks)]
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
        budget = Budget(self._session, WHOLE)
        return [
            sight
            for n, look in enumerate(looks)
            for sight in self._apart(budget, look, n / len(looks))
        ]

    def _apart(self, budget: Budget, look: Look, fraction: float) -> Iterator[Sight]:
        try:
            with budget.step(EACH):
                sight = self._seen(look, fraction)
            yield sight
        except SlowError:
            yield self._failed(look, SLOW)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if len(look.rules) == 1:
                yield self._failed(look, _reason(error))
                return
            for name, rule in look.rules.items():
                yield from self._apart(budget, replace(look, rules={name: rule}), fraction)

    def _seen(self, look: Look, fraction: float) -> Sight:
        self._progress(fraction, f"looking at {look.table}")
        opened = self._of(look)
        seen = observe(self._session, look, opened, self._now, self._declared)
        return Sight(look.names, opened, list(seen))

    def _failed(self, look: Look, why: str) -> Sight:
        return Sight(look.names, self._of(look), (), why)

    def _of(self, look: Look) -> list[Alert]:
        return [alert for name in look.names for alert in self._opened.get(name, ())]


def _reason(error: DBAPIError) -> str:
    """Return the reason for a reader: the first line of what the database says."""
    first = str(error.orig).strip().partition("\n")[0]
    return f"the database refuses its statement: {first}"
