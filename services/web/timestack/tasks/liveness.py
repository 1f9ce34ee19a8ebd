"""Where Celery touches the heartbeat files that ``heartbeat`` checks."""

from __future__ import annotations

from celery import beat, bootsteps

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


class HeartbeatScheduler(beat.Scheduler):
    """Celery's scheduler in memory, touching beat's file whenever Redis took a message.

    Nothing is kept on disk: beat's root is read-only, intervals have nothing to remember over a
    restart, and a night that is missed is caught up by the next.
    """

    def setup_schedule(self):
        super().setup_schedule()
        heartbeat.touch("beat")

    def apply_async(self, *arguments, **options):
        result = super().apply_async(*arguments, **options)
        heartbeat.touch("beat")
        return result
