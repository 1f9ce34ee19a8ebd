"""What a Celery process sets up: JSON logs, its database engine, the request id, heartbeats."""

from __future__ import annotations

import gc
import logging

from billiard.process import current_process
from celery import Celery, signals
from celery.utils.log import get_multiprocessing_logger

from timestack import cache, db, logs, queue
from timestack.metrics import exposition, processes, tasks
from timestack.settings import Settings
from timestack.tasks.liveness import WorkerHeartbeat
from timestack.tasks.watch import ScheduleWatch

log = logging.getLogger(__name__)


def connect(app: Celery) -> None:
    """Attach this module to the processes of ``app``."""
    app.steps["consumer"].add(WorkerHeartbeat)
    app.steps["consumer"].add(ScheduleWatch)
    signals.setup_logging.connect(_logs)
    signals.worker_init.connect(_share_memory)
    signals.worker_process_init.connect(_number)
    signals.worker_process_init.connect(_database)
    signals.worker_ready.connect(_metrics)
    signals.beat_init.connect(_metrics)
    signals.task_received.connect(_received)
    signals.task_prerun.connect(_request_id)
    signals.task_prerun.connect(_begin)
    signals.task_postrun.connect(_end)


def _logs(**_):
    # A receiver of this signal is what keeps Celery from setting up logging of its own.
    logs.configure(Settings.load())
    # Celery's own line for a received task lacks the request id; _received logs it with one.
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)
    # The pool's words, of a process that was killed: by themselves they would go to nobody's
    # handler, and out in their own form.
    get_multiprocessing_logger().propagate = True


def _share_memory(**_):
    # Pages that the collector never touches stay shared between the parent and its children.
    gc.collect()
    gc.freeze()


def _number(**_):
    # That of a pool's process is its successor's as well.
    processes.take(getattr(current_process(), "index", 0))


def _metrics(**_):
    # In the parent: its children only count.
    exposition.start(Settings.load())


def _database(**_):
    # In the child, after the fork: a connection must never be shared by two processes.
    settings = Settings.load()
    cache.init(settings)
    db.init(
        settings,
        application_name="timestack-worker",
        statement_timeout=queue.LONGEST.total_seconds(),
    )


def _received(request, **_):
    token = logs.request_id.set(request.request_dict.get("request_id") or request.id)
    log.info("Task %s[%s] received", request.name, request.id)
    logs.request_id.reset(token)


def _request_id(task, **_):
    logs.request_id.set(getattr(task.request, "request_id", None) or task.request.id)


def _begin(**_):
    tasks.begin()


def _end(task, state, **_):
    tasks.end(task.name, state)
