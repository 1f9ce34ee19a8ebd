"""Celery by itself, for ``bench_jobs``: what a message costs, with the project's own settings.

The same broker, serializer, acknowledgement, prefetching and number of processes; no row, no log
line, no signal handler, and a task that does nothing.
"""

from celery import Celery

from timestack import queue

app = Celery("bare", set_as_current=False)
app.add_defaults(queue._configuration)
NAME = "bare"


@app.task(name=NAME, ignore_result=True)
def nothing(job_id: str) -> None:
    """Do nothing."""
