"""The Celery application object. Domains send jobs through it; ``timestack.tasks`` registers them.

Redis carries messages (database 0) and short-lived results (database 1); the truth about a job
is its row in PostgreSQL (``timestack.domains.jobs``), and so are the schedules. Settings are read
when the application is first used, so importing this module needs neither environment nor secrets,
and the password is only in this process's memory.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from timestack.settings import Settings

log = logging.getLogger(__name__)

# Jobs that take seconds and jobs that take minutes, each with a worker of its own, so that none of
# the latter delays one of the former; and mails, which have no row.
SHORT = "short"
LONG = "long"
# Of the worker that alone may make and drop tables.
OWNER = "owner"
# Of the worker that alone has the libraries to train models.
FORECAST = "forecast"
MAIL = "mail"
WORK = (SHORT, LONG, OWNER, FORECAST)
QUEUES = (*WORK, MAIL)

# A task is asked to stop at the limit of its kind, at most this, and killed so much later.
LONGEST = timedelta(hours=4)
LAST_WORDS = timedelta(minutes=1)
# For what has no limit of its own.
USUAL_LIMIT = timedelta(minutes=25)
# Redis hands an unacknowledged message to another worker after this time, which is longer than any
# task without a row. That of a job which still runs finds it locked, and is dropped.
VISIBILITY_TIMEOUT = timedelta(minutes=30)
BROKER_TIMEOUT = 3
# Seconds that a request waits for a broker that hangs, and for which the next ones go on without
# it at once: beat sends what they could not.
BRIEF = 1.5
AWAY = 2.0

# Redis is away, or refuses since its memory is full.
AWAY_ERRORS = (OperationalError, RedisError)

app = Celery("timestack")


def _configuration() -> dict:
    settings = Settings.load(needs=["redis_password"])
    transport = {
        "visibility_timeout": round(VISIBILITY_TIMEOUT.total_seconds()),
        # A worker looks for the most urgent message first.
        "queue_order_strategy": "priority",
        "socket_timeout": 2 * BROKER_TIMEOUT,
        "socket_connect_timeout": BROKER_TIMEOUT,
        "socket_keepalive": True,
    }
    return {
        "broker_url": settings.redis_url(0),
        "broker_transport_options": transport,
        # Wait for a broker that restarts, however long it takes.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "result_backend": settings.redis_url(1),
        "result_expires": 3600,
        "redis_socket_timeout": 2 * BROKER_TIMEOUT,
        "redis_socket_connect_timeout": BROKER_TIMEOUT,
        "redis_socket_keepalive": True,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "timezone": "UTC",
        "task_default_queue": MAIL,
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        "task_create_missing_queues": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_soft_time_limit": USUAL_LIMIT.total_seconds(),
        "task_time_limit": (USUAL_LIMIT + LAST_WORDS).total_seconds(),
        # One retry: what cannot be sent now is sent by the sweeper.
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.2},
        "worker_concurrency": settings.worker_concurrency,
        "worker_prefetch_multiplier": 1,
        # A child that grew is replaced, so that a leak never becomes an outage. Not after a number
        # of tasks: while two are replaced at once, jobs wait for seconds.
        "worker_max_memory_per_child": 200_000,  # KiB
        "worker_send_task_events": False,
        "beat_scheduler": "timestack.tasks.beat:JobScheduler",
    }


app.add_defaults(_configuration)
_brief = False
_away_until = 0.0


def be_brief() -> None:
    """From here on, wait for Redis no longer than a request may take; workers wait longer."""
    global _brief
    _brief = True
    transport = {"socket_timeout": BRIEF, "socket_connect_timeout": BRIEF, "max_retries": 0}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **transport}
    app.conf.task_publish_retry = False


def send(
    task: str,
    *arguments: str,
    queue: str,
    request_id: str | None = None,
    hidden: bool = False,
    priority: int = 0,
    time_limit: timedelta = USUAL_LIMIT,
    delay: float | None = None,
) -> bool:
    """Send a task by name; False, and a log line, when Redis accepted no message.

    The arguments of a ``hidden`` one show in no log and in no monitor; ``priority`` 0 goes before
    9. A worker begins it after ``delay`` seconds at the earliest. Where requests wait
    (``be_brief``), Redis is not asked for AWAY seconds after it accepted none.
    """
    global _away_until
    if time.monotonic() < _away_until:
        log.warning("Redis accepted no message a moment ago: %s is not sent", task)
        return False
    try:
        app.send_task(
            task,
            args=arguments,
            queue=queue,
            headers={"request_id": request_id} if request_id else {},
            ignore_result=True,
            priority=priority,
            countdown=delay,
            soft_time_limit=time_limit.total_seconds(),
            time_limit=(time_limit + LAST_WORDS).total_seconds(),
            **({"argsrepr": "(hidden)", "kwargsrepr": ""} if hidden else {}),
        )
    except AWAY_ERRORS as error:
        # Not the arguments: the text of a mail may contain a log-in link.
        log.warning("Redis accepted no message for %s: %s", task, error)
        _away_until = time.monotonic() + AWAY if _brief else 0.0
        return False
    return True


def kill(task_id: str) -> bool:
    """Have the process killed that runs a task; False when Redis does not answer."""
    try:
        app.control.terminate(task_id, signal="SIGKILL")
    except AWAY_ERRORS as error:
        log.warning("Redis cannot pass on that task %s is to be killed: %s", task_id, error)
        return False
    return True


def messages(queue: str) -> int | None:
    """Return how many messages wait in a queue, without those that a worker has taken.

    None, and a log line, when Redis does not answer.
    """
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
            return connection.default_channel.queue_declare(queue).message_count
    except AWAY_ERRORS as error:
        log.warning("Redis cannot be asked for the length of queue %s: %s", queue, error)
        return None
