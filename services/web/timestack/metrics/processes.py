"""Several processes of a container count as one: each in files of its own, which are added up.

prometheus_client names the files after process ids, and those of a dead process stay, since its
counts must: with a new process every few minutes they would fill the memory that they are in. Here
a process has a number instead, the lowest that is free, and goes on in the files of whoever had it
before. Without PROMETHEUS_MULTIPROC_DIR, which compose.yaml sets, there is one process and no file.

Ref: https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from prometheus_client import CollectorRegistry, multiprocess, values

# Where the metrics of one process are.
REGISTRY = CollectorRegistry()

_number = -1


def _current() -> int:
    return _number


SEVERAL = values.ValueClass is not values.MutexValue
if SEVERAL:
    # Before the first metric is made; -1, the parent that only forks, makes none.
    values.ValueClass = values.MultiProcessValue(_current)


def free_number(taken: Iterable[int]) -> int:
    """Return the lowest number that none of the living processes has."""
    taken = set(taken)
    return next(number for number in count() if number not in taken)


def take(number: int) -> None:
    """Count under a number from here on; for a process that was just forked."""
    global _number
    _number = number


def forget(number: int) -> None:
    """Drop what a process that has ended was like; what it counted stays."""
    if SEVERAL:
        multiprocess.mark_process_dead(number)


def registry() -> CollectorRegistry:
    """Return a registry of what all processes counted."""
    together = CollectorRegistry()
    if SEVERAL:
        multiprocess.MultiProcessCollector(together)
    else:
        together.register(REGISTRY)
    return together
