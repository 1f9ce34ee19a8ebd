"""``make bench-jobs``: jobs from request to effect, against bare Celery messages.

    python -m tests.benchmarks.bench_jobs [--jobs 2000] [--rounds 3] [--finished 1000000]

Database, Redis and worker run in containers of the project's images on a network of their own, as
restricted as compose runs them. A job is submitted as the web does it, by some threads: its row is
committed, its message sent; a worker claims the row, writes one row as the work, and ends both in
one transaction. A bare message is sent by as many threads, and a worker of the same settings does
nothing. In turns, so that a busy machine is so for both. Then with many finished rows in the table,
and the same again.

Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import docker
from docker.models.containers import Container

from scripts.host.compose import image
from tests.integration.db.conftest import Broker, Database, Server
from tests.stack import ROOT, make_secrets

IMAGE = os.environ.get("WEB_IMAGE", image("web"))
THREADS = 4
# Jobs that are submitted one by one while the worker is idle.
SINGLES = 200
RATIO = 0.4
START = 50.0  # ms, for 95 of 100

FINISHED = """
insert into jobs (id, kind, state, progress, params, attempts, created_at, run_at, sent_at,
                  started_at, finished_at, task_id, submitted_by)
select gen_random_uuid(), 'jobs.probe', 'succeeded', 1, '{"mark": "old", "seconds": 0}', 1,
       at, at, at, at, at, gen_random_uuid(), 'bench@example.org'
  from (select now() - n * interval '2 s' as at from generate_series(1, %d) n) times
"""


class Round(NamedTuple):
    """Jobs and bare messages a second; milliseconds of single submissions, and until the start."""

    jobs: float
    bare: float
    enqueue: list[float]
    start: list[float]


@contextmanager
def client(server: Server, broker: Broker) -> Iterator[Container]:
    """Run a container where ``jobs_client`` finds database and broker."""
    engine = docker.from_env()
    network = engine.networks.create(f"timestack-bench-{os.getpid()}", internal=True)
    running = None
    try:
        network.connect(server.id, aliases=["timescaledb"])
        network.connect(broker.container.get_wrapped_container().id, aliases=["redis"])
        names = ("db_app_password", "redis_password", "ca.pem")
        running = engine.containers.run(
            IMAGE,
            ["sleep", "infinity"],
            detach=True,
            init=True,
            remove=True,
            read_only=True,
            user="10001:10001",
            network=network.name,
            tmpfs={"/tmp": "uid=10001,gid=10001,mode=0700,size=64m"},
            nano_cpus=2_000_000_000,
            environment={"TIMESTACK_ENV": "test", "PYTHONDONTWRITEBYTECODE": "1"},
            volumes={
                **{
                    str(server.secrets / each): _read_only(f"/run/secrets/{each}") for each in names
                },
                # The code as it is now, not as it was when the image was built.
                str(ROOT / "services/web/timestack"): _read_only("/app/timestack"),
                str(ROOT / "tests/benchmarks"): _read_only("/app/bench"),
            },
        )
        yield running
    finally:
        if running:
            running.remove(force=True)
        for container in network.client.api.inspect_network(network.id)["Containers"]:
            network.disconnect(container, force=True)
        network.remove()


def _read_only(path: str) -> dict[str, str]:
    return {"bind": path, "mode": "ro"}


def measure(container: Container, jobs: int) -> Round:
    command = ["python", "-m", "bench.jobs_client", "--jobs", str(jobs)]
    done = container.exec_run([*command, "--singles", str(SINGLES), "--threads", str(THREADS)])
    assert done.exit_code == 0, done.output.decode()
    return Round(**json.loads(done.output.splitlines()[-1]))


def report(title: str, rounds: list[Round]) -> bool:
    """Print the medians of some rounds; True when the targets are met."""
    rate, bare = (statistics.median(each[at] for each in rounds) for at in (0, 1))
    ratio = statistics.median(each.jobs / each.bare for each in rounds)
    enqueue = [ms for each in rounds for ms in each.enqueue]
    start = [ms for each in rounds for ms in each.start]
    times = (percentile(enqueue, 50), percentile(enqueue, 95))
    starts = (percentile(start, 50), percentile(start, 95))
    print(
        f"{title:<24}{rate:>7.0f}{bare:>8.0f}{ratio:>7.2f}"
        f"{times[0]:>13.1f}{times[1]:>7.1f}{starts[0]:>14.1f}{starts[1]:>7.1f}",
        flush=True,
    )
    return ratio >= RATIO and starts[1] < START


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def run(database: Database, container: Container, given: argparse.Namespace) -> bool:
    print(f"{given.jobs} jobs, {THREADS} threads submit, {given.rounds} round(s), medians; ms")
    print(
        f"{'':<24}{'jobs/s':>7}{'bare/s':>8}{'ratio':>7}"
        f"{'enqueue p50':>13}{'p95':>7}{'to start p50':>14}{'p95':>7}",
        flush=True,
    )
    rounds = [measure(container, given.jobs) for _ in range(given.rounds)]
    met = report("new table", rounds)
    if given.finished:
        for statement in (FINISHED % given.finished, "vacuum analyze jobs", "checkpoint"):
            database.sql(statement)
        rounds = [measure(container, given.jobs) for _ in range(given.rounds)]
        met &= report(f"{given.finished:,} finished rows", rounds)
    print(f"targets: ratio {RATIO} or more, start within {START:.0f} ms for 95 of 100")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--finished", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobs") as name:
        secrets = Path(name) / ".secrets"
        make_secrets(secrets)
        broker = Broker(secrets)
        broker.start()
        try:
            with Server(secrets) as server:
                database = Database(server, "timestack")
                database.provision()
                database.close()
                with client(server, broker) as container:
                    return 0 if run(database, container, given) else 1
        finally:
            broker.stop()


if __name__ == "__main__":
    sys.exit(main())
