"""Beat: makes the jobs that are due, sends messages that are due or were lost, repairs.

It is Celery's beat with a scheduler of ours. Where there are two of them by mistake, one holds an
advisory lock and works, and the other one waits for it.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from uuid import NAMESPACE_URL, uuid5

from celery import beat
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from timestack import db, queue
from timestack.domains import jobs
from timestack.domains.jobs import dispatch, schedules, steps
from timestack.settings import Settings
from timestack.tasks import heartbeat

log = logging.getLogger(__name__)

# Seconds between two looks at what is due, and between two repairs.
PERIOD = 1.0
SWEEP_PERIOD = 10.0
# Seconds until the database is asked again when it did not answer, or another beat works.
PAUSE = 5.0
STATEMENT_TIMEOUT = 30.0


class JobScheduler(beat.Scheduler):
    """Celery's beat calls ``tick`` again and again, after as many seconds as it returned."""

    def __init__(self, *arguments, **options):
        self._settings = Settings.load()
        self._schedules = schedules.declared(self._settings)
        # Holds the connection whose lock makes this beat the one that works.
        self._held = ExitStack()
        self._session: Session | None = None
        self._swept = 0.0
        self._waiting = False
        super().__init__(*arguments, **options)

    def setup_schedule(self) -> None:
        """Open the pool: in the process that uses it."""
        db.init(
            self._settings,
            application_name="timestack-beat",
            statement_timeout=STATEMENT_TIMEOUT,
        )

    def tick(self, *_, **__) -> float:
        """Do what is due; return the seconds until the next look."""
        try:
            if not self._is_the_one():
                heartbeat.touch("beat")
                return PAUSE
            self._work()
        except SQLAlchemyError as error:
            log.warning("the database cannot be asked what is due: %s", _first_line(error))
            self._let_go()
            return PAUSE
        return PERIOD

    def close(self) -> None:
        """Let another beat work."""
        self._let_go()
        super().close()

    def _work(self) -> None:
        with db.session() as session:
            for name in schedules.start_due(session, self._schedules):
                log.info("schedule %r: its job is made", name)
        dispatch.due()
        if time.monotonic() - self._swept >= SWEEP_PERIOD:
            self._swept = time.monotonic()
            found = {what: count for what, count in dispatch.sweep().items() if count}
            if found:
                log.warning("repaired: %s", found)
            # Alive is a beat that reaches both.
            if queue.messages(queue.SHORT) is not None:
                heartbeat.touch("beat")

    def _is_the_one(self) -> bool:
        if self._session is not None:
            # The lock ends with its connection: one that is gone raises here.
            self._session.execute(text("select 1"))
            self._session.commit()
            return True
        session = self._held.enter_context(steps.locks())
        if not steps.lock(session, "beat"):
            self._held.close()
            if not self._waiting:
                log.warning("another beat is at work: this one waits until it ends")
            self._waiting = True
            return False
        self._session, self._waiting = session, False
        with db.session() as other:
            schedules.settle(other, self._schedules)
        self._seed()
        return True

    def _seed(self) -> None:
        """Ask the simulated platform for everything, once in the life of a database."""
        if self._settings.seeds_from_platform:
            for kind in ("companies.fetch", "usage.ingest"):
                id = uuid5(NAMESPACE_URL, f"timestack:seed:{kind}")
                jobs.submit(kind, id=id, submitted_by="seed")

    def _let_go(self) -> None:
        self._session = None
        self._held.close()


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]
