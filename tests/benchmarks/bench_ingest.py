"""``make bench-ingest``: rows over HTTP against psql \\copy of the same rows, in one run.

    python -m tests.benchmarks.bench_ingest [--rows 400000] [--rounds 3]

A whole stack of the project's images: requests go through the proxy, over TLS, with a token. Line
protocol comes from four writers in bodies of 5,000 points, compressed by gzip; Parquet from four
writers, a quarter of the rows each. \\copy is psql's own, in the database's container over its
socket, and one connection. In turns, so that a busy machine is so for all. Then one line at a time
over one connection, and how long it takes until a rollup shows a point that was written.

Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gzip
import io
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tests.stack import ADMIN_EMAIL, Stack

SENSORS = 400
WRITERS, POINTS = 4, 5_000
SINGLES = 1_000
COPY, LINE, PARQUET = "psql \\copy", "line protocol", "Parquet"
TARGETS = {LINE: 0.5, PARQUET: 0.9}
# Milliseconds of 99 of 100 lines that come alone.
SINGLE = 20.0
# Seconds until a rollup shows a point, and how long it is waited for.
FOLLOWS, PATIENCE = 10.0, 60.0
START = np.datetime64("2026-01-01T00:00:00", "us").astype(np.int64)
STEP = 10_000_000

FRESH = """
truncate readings, readings_1h, readings_1d;
delete from sensors where type = 'bench';
insert into sensors (type, location, name, unit)
select 'bench', 'l' || n, 'value', '°C' from generate_series(1, {sensors}) n;
"""
FIRST = "select min(id) from sensors where type = 'bench'"
COUNT = "select count(*) from readings"
SHOWN = """
select value_max from readings_1h join sensors on sensors.id = sensor_id
 where type = 'bench' and location = 'l1' order by bucket limit 1
"""


@dataclass(frozen=True)
class Place:
    """Where rows go: an address, a token, and the database behind."""

    connect: Callable[[], HTTPConnection]
    token: str
    sql: Callable[[str], str]
    copy: Callable[[bytes], None]

    def post(self, line: HTTPConnection, path: str, body: bytes, **headers: str) -> None:
        """Send one body, again for as long as there is no room for it."""
        given = {"Authorization": f"Token {self.token}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        until = time.monotonic() + PATIENCE
        while True:
            line.request("POST", path, body, given)
            answer = line.getresponse()
            said = answer.read()
            if answer.status != 429 or time.monotonic() > until:
                break
            time.sleep(float(answer.headers["Retry-After"]) / 10)
        assert answer.status in (200, 204), (answer.status, said[:500])


def rows_of(count: int) -> pa.Table:
    """Readings in the order of time, one of each sensor every ten seconds."""
    numbers = np.arange(count)
    values = np.round(np.random.default_rng(20260101).normal(20, 5, count), 2)
    return pa.table(
        {
            "time": pa.array(START + numbers // SENSORS * STEP, pa.timestamp("us", "UTC")),
            "sensor_id": pa.array(numbers % SENSORS, pa.int32()),
            "value": pa.array(values),
        }
    )


def lines_of(rows: pa.Table) -> list[bytes]:
    """Bodies of line protocol, compressed."""
    columns = (rows["time"].cast(pa.int64()), rows["sensor_id"], rows["value"])
    lines = [
        f"bench,location=l{sensor + 1},unit=°C value={value!r} {micros}000"
        for micros, sensor, value in zip(*(each.to_pylist() for each in columns), strict=True)
    ]
    return [
        gzip.compress("\n".join(lines[at : at + POINTS]).encode(), 1)
        for at in range(0, len(lines), POINTS)
    ]


def with_ids(rows: pa.Table, first: int) -> pa.Table:
    ids = pa.array(rows["sensor_id"].to_numpy() + first, pa.int32())
    return rows.set_column(1, "sensor_id", ids)


def csv_of(rows: pa.Table) -> bytes:
    text = io.BytesIO()
    pa.csv.write_csv(rows, text, pa.csv.WriteOptions(include_header=False))
    return text.getvalue()


def parquet_of(rows: pa.Table) -> list[bytes]:
    bodies = []
    for at in range(0, len(rows), -(-len(rows) // WRITERS)):
        file = io.BytesIO()
        pa.parquet.write_table(rows.slice(at, -(-len(rows) // WRITERS)), file)
        bodies.append(file.getvalue())
    return bodies


def send(place: Place, path: str, bodies: Sequence[bytes], **headers: str) -> None:
    """Send bodies by WRITERS at once, each over a connection of its own."""

    def write(own: Sequence[bytes]) -> None:
        line = place.connect()
        for body in own:
            place.post(line, path, body, **headers)
        line.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(write, bodies[n::WRITERS]) for n in range(WRITERS)]:
            done.result()


def rates(place: Place, rows: pa.Table, rounds: int) -> dict[str, list[float]]:
    """Rows a second by each way, in turns."""
    bodies = lines_of(rows)
    measured: dict[str, list[float]] = {COPY: [], LINE: [], PARQUET: []}
    for _ in range(rounds):
        for way, found in measured.items():
            place.sql(FRESH.format(sensors=SENSORS))
            place.sql("checkpoint")
            work = made(way, place, with_ids(rows, int(place.sql(FIRST))), bodies)
            began = time.monotonic()
            work()
            found.append(len(rows) / (time.monotonic() - began))
            assert place.sql(COUNT) == str(len(rows)), way
    return measured


def made(way: str, place: Place, rows: pa.Table, bodies: list[bytes]) -> Callable[[], None]:
    """What is to be timed, with everything ready to be sent."""
    if way == COPY:
        return partial(place.copy, csv_of(rows))
    if way == LINE:
        path = "/api/v2/write?bucket=readings"
        return partial(send, place, path, bodies, Content_Encoding="gzip")
    type = "application/vnd.apache.parquet"
    return partial(send, place, "/api/v1/readings", parquet_of(rows), Content_Type=type)


def singles(place: Place) -> list[float]:
    """Milliseconds of one line after the other."""
    line, took = place.connect(), []
    for n in range(SINGLES):
        body = f"bench,location=l{n % SENSORS + 1} value={n} {START * 1000 + n * 10**9}".encode()
        began = time.monotonic()
        place.post(line, "/api/v2/write?bucket=readings", body)
        took.append(1000 * (time.monotonic() - began))
    line.close()
    return took


def follows(place: Place, value: int) -> float:
    """Seconds from a point that is written until the rollup of its hour shows it."""
    line = place.connect()
    body = f"bench,location=l1 value={value} {START * 1000}".encode()
    began = time.monotonic()
    place.post(line, "/api/v2/write?bucket=readings", body)
    line.close()
    while place.sql(SHOWN) != str(value):
        assert time.monotonic() - began < PATIENCE, f"the rollup does not show {value}"
        time.sleep(0.05)
    return time.monotonic() - began


def report(place: Place, rows: int, rounds: int) -> bool:
    """Measure, and print it; True when the targets are met."""
    print(f"{rows:,} rows, {WRITERS} writers, {rounds} round(s), medians", flush=True)
    measured = rates(place, rows_of(rows), rounds)
    base = measured[COPY]
    met = True
    print(f"{'way':<16}{'rows/s':>10}{'ratio':>8}{'target':>8}")
    for way, found in measured.items():
        ratio = statistics.median(own / bare for own, bare in zip(found, base, strict=True))
        target = TARGETS.get(way)
        met &= target is None or ratio >= target
        shown = f"{target:.1f}" if target else ""
        print(f"{way:<16}{statistics.median(found):>10,.0f}{ratio:>8.2f}{shown:>8}", flush=True)
    took = singles(place)
    half, most = statistics.median(took), statistics.quantiles(took, n=100)[98]
    print(f"one line: p50 {half:.1f} ms, p99 {most:.1f} ms (target {SINGLE:.0f})", flush=True)
    seconds = max(follows(place, 1_000_000 + n) for n in range(rounds))
    print(f"a rollup shows a point after {seconds:.1f} s (target {FOLLOWS:.0f})", flush=True)
    return met and most < SINGLE and seconds < FOLLOWS


@contextmanager
def running() -> Iterator[Place]:
    """Bring up a stack, without seed data and without limits that a bench would meet."""
    with (
        tempfile.TemporaryDirectory(prefix="ingest") as folder,
        Stack(Path(folder), SEED="no", API_RATE="1000000/minute") as stack,
    ):
        # A token works once its user has chosen a password.
        assert stack.http.get("/account").status_code == 200
        made = stack.provision("token", ADMIN_EMAIL, "--name=bench", "--role=write")
        context = ssl.create_default_context(cafile=str(stack.secrets / "ca.pem"))

        def connect() -> HTTPConnection:
            return HTTPSConnection("localhost", stack.https_port, context=context, timeout=60)

        def copy(text: bytes) -> None:
            command = "\\copy readings (time, sensor_id, value) from stdin csv"
            done = stack.exec(
                *("timescaledb", "psql", "-Xqd", "timestack", "-c", command), stdin=text.decode()
            )
            assert done.returncode == 0, done.stderr

        def sql(statement: str) -> str:
            rows = stack.sql(statement)
            return rows[0][0] if rows else ""

        yield Place(connect, made.stdout.splitlines()[-1], sql, copy)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with running() as place:
        return 0 if report(place, given.rows, given.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
