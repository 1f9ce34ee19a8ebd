"""A worker looks once a minute what is late: it can tell so when beat is dead."""

from __future__ import annotations

import logging

from celery import bootsteps
from sqlalchemy.exc import SQLAlchemyError

from timestack import db, queue
from timestack.domains.jobs import dispatch, lateness
from timestack.queue import app

log = logging.getLogger(__name__)

# Seconds between two looks.
PERIOD = 60


@app.task(name="schedules.watch", ignore_result=True, soft_time_limit=30, time_limit=40)
def watch() -> None:
    """Tell of schedules that are late, and send what beat should have sent if it is dead."""
    try:
        with db.session() as session:
            for name in lateness.tell(session):
                log.warning("schedule %r is late", name)
        dispatch.due()
    except SQLAlchemyError as error:
        log.warning("the database cannot be asked what is late: %s", type(error).__name__)


class ScheduleWatch(bootsteps.StartStopStep):
    """Have a process of the worker that sends mails look, again and again."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer, **options):
        super().__init__(consumer, **options)
        self._timer = None

    def start(self, consumer):
        if queue.MAIL in consumer.app.amqp.queues.consume_from:
            self._timer = consumer.timer.call_repeatedly(PERIOD, _look)

    def stop(self, consumer):
        if self._timer:
            self._timer.cancel()
            self._timer = None

    shutdown = stop


def _look() -> None:
    try:
        # One that waits for longer has been followed by another.
        watch.apply_async(queue=queue.MAIL, expires=PERIOD, retry=False)
    except queue.AWAY_ERRORS as error:
        log.warning("Redis accepted no message for %s: %s", watch.name, error)
