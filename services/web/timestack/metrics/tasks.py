"""What a worker has run, by kind: attempts, how they ended, how long they took."""

from __future__ import annotations

import time

from prometheus_client import Counter, Summary

from timestack.metrics.processes import REGISTRY

TASKS = Counter(
    "timestack_tasks",
    "Tasks that a worker ran to an end, a job's attempts each.",
    ("kind", "outcome"),
    registry=REGISTRY,
)
SECONDS = Summary(
    "timestack_task_seconds", "Seconds that tasks took.", ("kind",), registry=REGISTRY
)
OUTCOMES = {"SUCCESS": "succeeded", "FAILURE": "failed"}

# A process runs one at a time.
_began = 0.0


def begin() -> None:
    """Note that a task begins."""
    global _began
    _began = time.perf_counter()


def end(kind: str, state: str | None) -> None:
    """Count a task, of a name that this worker has, by Celery's word for how it ended."""
    TASKS.labels(kind, OUTCOMES.get(state, "other")).inc()
    SECONDS.labels(kind).observe(time.perf_counter() - _began)
