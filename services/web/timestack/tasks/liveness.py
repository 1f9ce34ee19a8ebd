"""Where a worker touches the heartbeat file that ``heartbeat`` checks."""

from __future__ import annotations

from celery import bootsteps

from timestack.tasks import heartbeat


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Touch the worker's file from its event loop, but only while it is connected to Redis.

    The consumer starts its steps on every connection and stops them when it is lost.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer, **options):
        super().__init__(consumer, **options)
        self._timer = None

    def start(self, consumer):
        heartbeat.touch("worker")
        self._timer = consumer.timer.call_repeatedly(
            heartbeat.WORKER_PERIOD, heartbeat.touch, ("worker",)
        )

    def stop(self, consumer):
        if self._timer:
            self._timer.cancel()
            self._timer = None

    shutdown = stop
