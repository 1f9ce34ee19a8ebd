"""`make load` against a single psql \\copy: the same file into the same hypertable, in one run.

    python -m tests.benchmarks.bench_load [--rows 5000000] [--rounds 3]

The table is a devops benchmark's: time, tag id, ten metrics; a unique index on (tag id, time) and
one on time, chunks of a day. Database and client each run in a container of the project's images,
side by side on a network of their own, the database with the memory and processors that compose
gives it. Both clients come over TLS. What is timed is the client's process from start to end, so
that of `make load` includes Python's start; its peak memory is the kernel's figure. Processor time
is that of database and client together: it tells the ways apart on a busy machine, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import docker
import numpy as np
from docker.models.containers import Container
from docker.models.networks import Network

from scripts.host.compose import image
from tests.stack import ROOT, make_secrets, wait_until

KEYS = 400
STEP = np.timedelta64(10, "s")
METRICS = (
    *("usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait"),
    *("usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice"),
)
BLOCK = 40_000

TABLE = f"""
drop table if exists cpu;
create table cpu (time timestamptz not null, tag_id integer not null,
                  {", ".join(f"{metric} double precision" for metric in METRICS)});
select create_hypertable('cpu', by_range('time', interval '1 day'),
                         create_default_indexes => false);
create unique index on cpu (tag_id, time desc);
create index on cpu (time desc);
create table if not exists imports (id text primary key, table_name text not null,
  source text not null, rows bigint not null, finished_at timestamptz not null default now());
checkpoint;
"""

SCHEMA = "hypertables: {cpu: {time: time, chunk_interval: 1 day}}\n"

# Runs in the client's container: a command's exit code, seconds, peak memory and output.
TIMED = """
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, seconds, peak, done.stdout + done.stderr]))
"""

WAYS = {
    "psql \\copy": None,
    "load": (),
    "load, one connection": ("--connections", "1"),
    "load --on-conflict skip": ("--on-conflict", "skip"),
    "load --on-conflict update": ("--on-conflict", "update"),
    "load --quarantine": ("--quarantine", "/tmp/bad.csv"),
}
TARGETS = {"load": 1.2, "load --on-conflict skip": 0.6, "load --on-conflict update": 0.6}
PEAK_TARGET = 160  # MiB


def generate(path: Path, rows: int) -> None:
    """Write ``rows`` rows in the order of time, KEYS of them every ten seconds."""
    random = np.random.default_rng(20260101)
    start = np.datetime64("2026-01-01T00:00:00")
    with path.open("w") as file:
        file.write(f"time,tag_id,{','.join(METRICS)}\n")
        for first in range(0, rows, BLOCK):
            numbers = np.arange(first, min(first + BLOCK, rows))
            times = np.datetime_as_string(start + numbers // KEYS * STEP)
            values = random.integers(0, 101, (len(numbers), len(METRICS))).astype(str)
            file.writelines(
                f"{time}Z,{key},{','.join(metrics)}\n"
                for time, key, metrics in zip(times, numbers % KEYS, values, strict=True)
            )


class Run(NamedTuple):
    """One load: seconds, processor seconds of database and client, the client's peak in MiB."""

    seconds: float
    processor: float
    peak: float


class Bench:
    """A database and a client on a network of their own."""

    def __init__(self, client: docker.DockerClient, network: Network, folder: Path):
        secrets = folder / "secrets"
        make_secrets(secrets)
        schema = folder / "hypertables.yaml"
        schema.write_text(SCHEMA)
        common = {"network": network.name, "detach": True, "init": True, "remove": True}
        self.api = client.api
        self.database: Container = client.containers.run(
            image("timescaledb"),
            **common,
            name=f"{network.name}-db",
            hostname="timescaledb",
            networking_config={
                network.name: client.api.create_endpoint_config(aliases=["timescaledb"])
            },
            tmpfs={"/tmp": "", "/run/postgresql": ""},
            mem_limit="1g",
            nano_cpus=2_000_000_000,
            shm_size="256m",
            volumes=_secrets(secrets, "db_owner_password", "db_tls.pem", "db_tls.key"),
        )
        self.loader: Container = client.containers.run(
            image("web"),
            ["sleep", "infinity"],
            **common,
            name=f"{network.name}-loader",
            tmpfs={"/tmp": ""},
            environment=_environment(),
            volumes={
                **_secrets(secrets, "db_owner_password", "ca.pem"),
                str(folder / "cpu.csv"): {"bind": "/data/cpu.csv", "mode": "ro"},
                str(schema): {"bind": "/app/schema/hypertables.yaml", "mode": "ro"},
                # The code as it is now, not as it was when the image was built.
                str(ROOT / "services/web/timestack"): {"bind": "/app/timestack", "mode": "ro"},
                str(ROOT / "scripts/provision"): {"bind": "/app/scripts/provision", "mode": "ro"},
            },
        )
        self.psql: Container = client.containers.run(
            image("timescaledb"),
            **common,
            name=f"{network.name}-psql",
            entrypoint=["sleep", "infinity"],
            environment={
                "PGHOST": "timescaledb",
                "PGUSER": "timestack_owner",
                "PGDATABASE": "timestack",
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": "/run/secrets/ca.pem",
                "PGPASSWORD": (secrets / "db_owner_password").read_text().strip(),
            },
            volumes={
                **_secrets(secrets, "ca.pem"),
                str(folder / "cpu.csv"): {"bind": "/data/cpu.csv", "mode": "ro"},
            },
        )
        check = ["python3", "/usr/local/lib/timestack/healthcheck.py"]
        wait_until(lambda: self.database.exec_run(check).exit_code == 0, "the database serves")

    def stop(self) -> None:
        for container in (self.loader, self.psql, self.database):
            container.remove(force=True, v=True)

    def sql(self, statement: str) -> str:
        """Run SQL as the superuser; returns psql's output."""
        command = ["psql", "-XAtqd", "timestack", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = self.database.exec_run(command)
        assert done.exit_code == 0, done.output.decode()
        return done.output.decode().strip()

    def measure(self, way: str, rows: int) -> Run:
        """Load the file once."""
        for statement in filter(str.strip, TABLE.split(";")):
            self.sql(statement)
        self.sql("alter table cpu owner to timestack_owner")
        self.sql("alter table imports owner to timestack_owner")
        arguments = WAYS[way]
        if arguments is None:
            container, command = (
                self.psql,
                ["psql", "-Xc", "\\copy cpu from /data/cpu.csv csv header"],
            )
        else:
            load = ["-m", "scripts.provision.load", "--table", "cpu", *arguments, "/data/cpu.csv"]
            container, command = self.loader, ["python", *load]
        before = self._processor(container)
        done = container.exec_run(["python3", "-c", TIMED, *command])
        processor = self._processor(container) - before
        code, seconds, peak, output = json.loads(done.output)
        assert code == 0, output
        assert self.sql("select count(*) from cpu") == str(rows), output
        return Run(seconds, processor, peak / 1024)

    def _processor(self, client: Container) -> float:
        """Return the processor seconds that database and client have used so far."""
        return (
            sum(
                self.api.stats(each.id, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"][
                    "total_usage"
                ]
                for each in (self.database, client)
            )
            / 1e9
        )


def _secrets(folder: Path, *names: str) -> dict[str, dict[str, str]]:
    return {str(folder / name): {"bind": f"/run/secrets/{name}", "mode": "ro"} for name in names}


def _environment() -> dict[str, str]:
    return {
        "TIMESTACK_ENV": "test",
        "DATABASE_HOST": "timescaledb",
        "DATABASE_ROLE": "timestack_owner",
        "DATABASE_CA": "/run/secrets/ca.pem",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    client = docker.from_env()
    network = client.networks.create(f"timestack-bench-{folder.name}", internal=True)
    running = None
    try:
        running = Bench(client, network, folder)
        yield running
    finally:
        if running:
            running.stop()
        network.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load") as name:
        folder = Path(name)
        folder.chmod(0o755)
        generate(folder / "cpu.csv", given.rows)
        size = (folder / "cpu.csv").stat().st_size / 1e6
        print(f"{given.rows:,} rows, {size:,.0f} MB, {given.rounds} round(s), median", flush=True)
        measured: dict[str, list[Run]] = {way: [] for way in WAYS}
        with bench(folder) as running:
            # In turns, so that a busy minute of the machine does not hit one way alone.
            for _ in range(given.rounds):
                for way in WAYS:
                    measured[way].append(running.measure(way, given.rows))
    return report(measured, given.rows)


def report(measured: dict[str, list[Run]], rows: int) -> int:
    """Print what was measured per way, and its ratio to psql; 1 when a target is missed."""
    base = rows / statistics.median(run.seconds for run in measured["psql \\copy"])
    missed = 0
    print(f"{'way':<28}{'rows/s':>10}{'ratio':>8}{'target':>8}{'processor s':>13}{'peak MiB':>10}")
    for way, runs in measured.items():
        rate = rows / statistics.median(run.seconds for run in runs)
        processor = statistics.median(run.processor for run in runs)
        peak = max(run.peak for run in runs)
        target = TARGETS.get(way)
        missed += bool(target and (rate / base < target or peak > PEAK_TARGET))
        shown = f"{target:.1f}" if target else ""
        line = f"{way:<28}{rate:>10,.0f}{rate / base:>8.2f}{shown:>8}"
        print(f"{line}{processor:>13.1f}{peak:>10.0f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
