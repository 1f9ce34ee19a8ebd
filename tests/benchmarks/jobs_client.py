"""One round of ``bench_jobs``, within a container of the image that workers run in; prints JSON.

``{"jobs": jobs/s, "bare": messages/s, "enqueue": [ms], "start": [ms]}``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from bench import bare
from redis import Redis
from sqlalchemy import func, select

from timestack import db, queue
from timestack.domains import jobs
from timestack.models.jobs import Job, Probe
from timestack.settings import Settings

KIND = "jobs.probe"
# How kombu names the lists of a queue, one for each step of priority.
STEPS = ("", *(f"\x06\x16{step}" for step in (3, 6, 9)))
DEADLINE = 30
# Messages of one turn.
SLICE = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--singles", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()
    settings = Settings.load(needs=["redis_password"])
    db.init(settings)
    redis = Redis.from_url(settings.redis_url(0))
    before = effects()
    with (
        worker(redis, "timestack.tasks.every", queue.SHORT),
        worker(redis, "bench.bare", queue.LONG),
    ):
        # The first turn opens connections and fills caches.
        rates(redis, SLICE, given.threads)
        measured = rates(redis, given.jobs, given.threads)
        enqueue, start = singles(given.singles)
    done, expected = effects() - before, (given.jobs // SLICE + 1) * SLICE + given.singles
    assert done == expected, f"{done} effects of {expected} jobs"
    print(json.dumps({**measured, "enqueue": enqueue, "start": start}))


def rates(redis: Redis, count: int, threads: int) -> dict[str, float]:
    """Jobs and bare messages a second, in turns, so that a busy machine is so for both."""
    seconds = {"jobs": 0.0, "bare": 0.0}
    slices = count // SLICE
    for _ in range(slices):
        seconds["bare"] += duration(redis, send_bare, queue.LONG, threads)
        seconds["jobs"] += duration(redis, submit, queue.SHORT, threads)
    return {what: slices * SLICE / took for what, took in seconds.items()}


def duration(redis: Redis, send: Callable[[], object], name: str, threads: int) -> float:
    """Seconds from the first of SLICE messages sent until the last one is acknowledged."""
    lists = [f"{name}{step}" for step in STEPS]
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        for each in [pool.submit(send) for _ in range(SLICE)]:
            each.result()
    wait_until(
        lambda: not sum(map(redis.llen, lists)) + redis.hlen("unacked"), "all are acknowledged"
    )
    return time.monotonic() - began


def singles(count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of one submission after another to an idle worker, and until each starts."""
    enqueue, ids = [], []
    for _ in range(count):
        begin = time.perf_counter()
        ids.append(submit().id)
        enqueue.append((time.perf_counter() - begin) * 1000)
        wait_until(lambda: ended(ids[-1]), "the job ends")
    with db.session() as session:
        found = [session.get_one(Job, id) for id in ids]
    return enqueue, [(job.started_at - job.created_at).total_seconds() * 1000 for job in found]


@contextmanager
def worker(redis: Redis, app: str, name: str) -> Iterator[None]:
    """Run a worker of a queue until the block ends; it listens when the block begins."""
    command = ["celery", "--quiet", "-A", app, "worker", "-Q", name, "--hostname", f"{name}@bench"]
    listening = listeners(redis)
    with Path("/tmp/worker.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: listeners(redis) > listening, f"the worker of {name} listens")
        yield
    finally:
        process.terminate()
        process.wait()


def listeners(redis: Redis) -> int:
    return sum(each["cmd"] == "brpop" for each in redis.client_list())


def submit() -> Job:
    return jobs.submit(KIND, {"mark": "bench"}, submitted_by="bench@example.org")


def send_bare() -> None:
    bare.app.send_task(bare.NAME, args=("x" * 36,), queue=queue.LONG, ignore_result=True)


def effects() -> int:
    with db.session() as session:
        return session.scalar(select(func.count()).select_from(Probe))


def ended(id: UUID) -> bool:
    with db.session() as session:
        return session.get_one(Job, id).state == "succeeded"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {DEADLINE} s: {what}")
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
