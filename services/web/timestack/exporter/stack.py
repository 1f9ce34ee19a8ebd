"""What the readers say, within a budget of time, kept for some seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from timestack import db
from timestack.domains.operations.budget import Budget, SlowError

log = logging.getLogger(__name__)

Reader = Callable[[Budget], Iterable[Metric]]

# Seconds for which an answer is kept: who asks more often asks the database no more often.
KEPT = 10.0


class Stack(Collector):
    """Asks each reader; the answer names those that failed or took too long, and lacks theirs."""

    def __init__(self, readers: Sequence[Reader]):
        self._readers = readers
        self._turn = Lock()
        self._found: Sequence[Metric] = ()
        self._until = 0.0

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering it reads nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return what was read in the last KEPT seconds, or is now."""
        with self._turn:
            if time.monotonic() >= self._until:
                self._found = self._read()
                self._until = time.monotonic() + KEPT
            return self._found

    def _read(self) -> list[Metric]:
        began = time.monotonic()
        found: list[Metric] = []
        failed = GaugeMetricFamily(
            "timestack_reader_failed", "1 where figures could not be read.", labels=("reader",)
        )
        names = {reader.__name__: reader for reader in self._readers}
        missing = set(names)
        try:
            with db.session() as session:
                # A database that is away is waited for once.
                session.connection()
                budget = Budget(session)
                for name, reader in names.items():
                    if self._asked(reader, budget, found):
                        missing.remove(name)
        except SQLAlchemyError as error:
            log.warning("the database cannot be asked: %s", _first_line(error))
        for name in names:
            failed.add_metric((name,), name in missing)
        took = GaugeMetricFamily(
            "timestack_reading_seconds", "Seconds that reading took.", time.monotonic() - began
        )
        return [*found, failed, took]

    def _asked(self, reader: Reader, budget: Budget, found: list[Metric]) -> bool:
        try:
            found += list(reader(budget))
        except SQLAlchemyError as error:
            if getattr(error, "connection_invalidated", False):
                raise
            log.warning("no figures of %s: %s", reader.__name__, _first_line(error))
            return False
        except (SlowError, OSError) as error:
            log.warning("no figures of %s: %s", reader.__name__, error)
            return False
        return True


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
