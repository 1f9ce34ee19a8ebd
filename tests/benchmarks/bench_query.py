"""``make bench-query``: series.query against the raw SQL, and what a refresh costs.

First a table of 4,000 keys with a row every 10 s, 5,000 steps long (20 million rows): the whole
range at 1,000 points by ``series.query`` and by SQL over the rows, for one key and over all keys;
and on the way there, at a twentieth, a quarter and the whole, the refresh after 1,000 late rows.
Then a table of a tenth of the keys that grows tenfold in time, from 5,000 to 50,000 steps, read
before and after. The database is a container of its own, removed at the end.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.integration.db.conftest import Database, Server
from tests.stack import make_secrets
from timestack.series import catalog, rollups
from timestack.series.query import query

DECLARED = catalog.parse(
    """
hypertables:
  metrics:
    time: time
    chunk_interval: 2 hours
    unique: [key, time desc]
    indexes: [[time desc]]
    rollups:
      - keys: [key]
        values: [value]
        levels: [30 seconds, 5 minutes]
      - keys: []
        values: [value]
        levels: [10 seconds, 1 minute, 10 minutes]
    grants: {timestack_app: [select, insert]}
"""
)
START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=10)
POINTS = 1000
SIZES = (0.05, 0.25, 1.0)
LATE_ROWS = 1000
# Steps of one INSERT: its rows pass through the trigger's transition table.
BATCH = 250

FILL = """
insert into metrics
select timestamptz '2024-01-01 00:00+00' + step * interval '10 s', key,
       sin(step / 500.0 + key) * 100 + key
  from generate_series(:first, :last) step, generate_series(1, :keys) key
"""
RAW = """
select time_bucket(:width, time), min(value), max(value), avg(value) from metrics
 where time >= :start and time < :end {where} group by 1 order by 1
"""
LATE = """
insert into metrics
select timestamptz '2024-01-01 00:05+00' + n * interval '17 ms' + :round * interval '1 us',
       1 + n % :keys, 1e6
  from generate_series(1, :rows) n
"""


@dataclass
class Timing:
    """Milliseconds of repeated calls."""

    samples: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.samples)

    @property
    def p95(self) -> float:
        if len(self.samples) < 20:
            return max(self.samples)
        return statistics.quantiles(self.samples, n=20)[-1]

    def __str__(self) -> str:
        return f"{self.p50:9.1f} {self.p95:9.1f}"


def measure(call: Callable[[], object], times: int) -> Timing:
    call()
    samples = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        samples.append((time.perf_counter() - start) * 1000)
    return Timing(samples)


class Bench:
    def __init__(self, database: Database, keys: int, repeats: int):
        self.database, self.keys, self.repeats = database, keys, repeats
        self.steps = 0
        self.random = random.Random(1)

    @property
    def rows(self) -> int:
        return self.steps * self.keys

    def grow(self, steps: int) -> None:
        """Add rows up to this many steps per key, and refresh."""
        while self.steps < steps:
            last = min(steps, self.steps + BATCH)
            with Session(self.database.engine("app")) as session, session.begin():
                session.execute(text("set local statement_timeout = 0"))
                bounds = {"first": self.steps, "last": last - 1, "keys": self.keys}
                session.execute(text(FILL), bounds)
            self.steps = last
            self.refresh()
        # What autovacuum and the checkpointer would do while the reads are measured.
        self.database.sql("vacuum analyze")
        self.database.sql("checkpoint")

    def refresh(self) -> float:
        """Seconds of one refresh."""
        start = time.perf_counter()
        with Session(self.database.engine("app")) as session, session.begin():
            session.execute(text("set local statement_timeout = 0"))
            rollups.refresh_all(session, declared=DECLARED)
        return time.perf_counter() - start

    def late_rows(self, round: int) -> float:
        """Seconds of the refresh after LATE_ROWS rows that come late for the same minutes."""
        with Session(self.database.engine("app")) as session, session.begin():
            session.execute(
                text(LATE), {"rows": LATE_ROWS, "keys": self.keys, "round": self.steps + round}
            )
        return self.refresh()

    def queries(self) -> dict[str, tuple[Timing, Timing]]:
        """What is read -> time of series.query and of the raw SQL."""
        end = START + self.steps * STEP
        width = max(STEP, (end - START) / POINTS)
        bounds = {"width": width, "start": START, "end": end}
        with Session(self.database.engine("app")) as session:

            def one(keys: dict) -> None:
                query(session, "metrics", keys, START, end, POINTS, declared=DECLARED)

            def key() -> int:
                return self.random.randint(1, self.keys)

            def raw_one() -> None:
                sql = text(RAW.format(where="and key = :key"))
                session.execute(sql, {**bounds, "key": key()}).all()

            def raw_all() -> None:
                session.execute(text(RAW.format(where="")), bounds).all()

            return {
                "one key": (
                    measure(lambda: one({"key": key()}), self.repeats),
                    measure(raw_one, self.repeats),
                ),
                "all keys": (
                    measure(lambda: one({}), self.repeats),
                    measure(raw_all, max(3, self.repeats // 10)),
                ),
            }


def table(database: Database, keys: int, repeats: int) -> Bench:
    """An empty table with its rollups."""
    database.sql("drop table if exists metrics")
    database.sql(
        "create table metrics (time timestamptz not null, key int not null,"
        " value double precision not null);"
        "alter table metrics owner to timestack_owner"
    )
    database.provision(DECLARED, allow_destructive=True)
    return Bench(database, keys, repeats)


def run(database: Database, keys: int, steps: int, repeats: int) -> None:
    bench = table(database, keys, repeats)
    refreshes = {}
    for size in SIZES:
        bench.grow(round(steps * size))
        # The best of three: the machine has other work.
        refreshes[bench.rows] = min(bench.late_rows(round) for round in range(3))
    print(f"{'rows':>11}  {'read':<9} {'query p50':>9} {'p95':>9} {'raw p50':>9} {'p95':>9}  ratio")
    report(bench)
    for rows, seconds in refreshes.items():
        print(f"refresh after {LATE_ROWS:,} late rows on {rows:>11,} rows: {seconds * 1000:.0f} ms")

    bench = table(database, keys // 10, repeats)
    bench.grow(steps)
    before = report(bench)
    bench.grow(10 * steps)
    after = report(bench)
    for what, timing in after.items():
        growth = timing.p95 / before[what].p95
        print(f"{what}: p95 x {growth:.2f} after the table grew tenfold in time")


def report(bench: Bench) -> dict[str, Timing]:
    """Print one size's figures in milliseconds; gives those of series.query."""
    found = {}
    for what, (ours, raw) in bench.queries().items():
        found[what] = ours
        print(f"{bench.rows:>11,}  {what:<9} {ours} {raw} {raw.p50 / ours.p50:>6.1f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=5000, help="rows per key")
    parser.add_argument("--repeats", type=int, default=40, help="calls per measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        secrets = Path(directory) / ".secrets"
        make_secrets(secrets)
        with Server(secrets, memory="4g") as server:
            database = Database(server, "timestack")
            run(database, options.keys, options.steps, options.repeats)
            database.close()


if __name__ == "__main__":
    main()
