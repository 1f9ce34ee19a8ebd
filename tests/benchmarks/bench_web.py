"""``make bench-web``: the series endpoint against its own SQL, the proxy, and another's charts.

    python -m tests.benchmarks.bench_web [--keys 4000] [--steps 5000] [--times 200]

A stack of its own, removed at the end: 20 million readings of 4,000 sensors in steps of ten
minutes, which are 834 hours, asked for as 834 points, of one sensor and of all together (a rollup
without keys is declared for these). ``web_client`` asks in the web's container: the endpoint and
the statements that it runs in turns; then as fast as it goes, straight to the server and through
the proxy in turns, fewer requests than the proxy lets pass of one visitor. ``web_browser`` opens
the Sensors page in Chromium and zooms.

Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks import web_browser
from tests.served import SCHEMA
from tests.stack import Stack

CLIENT = Path(__file__).with_name("web_client.py")
IN_IMAGE = "/app/schema/hypertables.yaml"
START = "2024-01-01T00:00:00Z"
POINTS = 834
# Of Superset's chart API, on the same 20 million rows and 834 points: milliseconds and bytes.
SUPERSET = {"one": 66.0, "all": 6800.0, "bytes": 95_000}
# What is wanted: milliseconds that p95 may be above the SQL's, the part of the requests that the
# proxy passes, and how many times faster and smaller than the above.
ABOVE_SQL, PROXY, FASTER, SMALLER = 10.0, 0.9, {"one": 5, "all": 100}, 3
# Bytes of a chart before they are compressed, charts a second straight from the server on two
# processors, and milliseconds to the first chart of a cold browser and from a zoom to its points.
BYTES, CHARTS, FIRST, ZOOM = 30_000, 100, 1500, 500

SENSORS = """
insert into sensors (type, location, name, unit)
select 'bench', 'bench', n::text, 'W' from generate_series(1, {keys}) n
"""
# Of the steps, at a time.
BATCH = 250
ROWS = """
insert into readings (time, sensor_id, value)
select timestamptz '{start}' + step * interval '10 min', id, sin(step / 500.0 + id) * 100 + id
  from generate_series({first}, {last}) step, sensors
"""


class BenchStack(Stack):
    """An empty stack whose readings have a rollup of all sensors, and memory for 20 million."""

    def __init__(self, directory: Path):
        declared = yaml.safe_load(SCHEMA.read_text())
        total = {"keys": [], "values": ["value"], "levels": ["1 hour", "1 day"]}
        declared["hypertables"]["readings"]["rollups"].append(total)
        schema = directory / "hypertables.yaml"
        schema.write_text(yaml.safe_dump(declared))
        mounted = {"volumes": [f"{schema}:{IN_IMAGE}:ro"]}
        services = dict.fromkeys(("provision", "web", "worker", "worker-long", "beat"), mounted)
        more = {"deploy": {"resources": {"limits": {"memory": "4g"}}}}
        self._changes = directory / "bench.yaml"
        self._changes.write_text(yaml.safe_dump({"services": {**services, "timescaledb": more}}))
        super().__init__(directory, SEED="no", API_RATE="1000000/minute")

    @property
    def compose_command_property(self) -> list[str]:
        command = super().compose_command_property
        # Behind the other files, and before what comes after them.
        place = len(command) - command[::-1].index("-f")
        return [*command[: place + 1], "-f", str(self._changes), *command[place + 1 :]]


# What the triggers would have taken down.
CHANGED = """
insert into timestack.changes (table_name, ranges)
select 'readings', tstzmultirange(tstzrange(min(time), max(time), '[]')) from readings
"""


def fill(stack: Stack, keys: int, steps: int) -> None:
    stack.sql(SENSORS.format(keys=keys))
    # Without triggers: each row's sensor would be looked up.
    stack.sql("set session_replication_role = replica")
    for first in range(0, steps, BATCH):
        last = min(steps, first + BATCH) - 1
        stack.sql(ROWS.format(start=START, first=first, last=last))
    stack.sql("set session_replication_role = origin")
    stack.sql(CHANGED)
    stack.provision("refresh")
    stack.sql("vacuum analyze")
    stack.sql("checkpoint")


def measure(stack: Stack, given: argparse.Namespace) -> dict[str, Any]:
    end = f"{START[:-1]}+00:00"
    # Whole hours: of a part of one there would be no rollup fine enough.
    ends = stack.sql(f"select timestamptz '{end}' + {POINTS} * interval '1 hour'")
    asked = {
        "keys": given.keys,
        "points": POINTS,
        "start": START,
        "end": ends[0][0].replace(" ", "T") + ":00",
        "times": given.times,
        "requests": given.requests,
        "rounds": given.rounds,
        "cookie": stack.cookies(stack.http),
        "prefix": stack.prefix,
        "port": 8000,
        "proxy": ["traefik", 8443, f"localhost:{stack.https_port}"],
        "ca": "/run/secrets/ca.pem",
    }
    done = stack.exec("web", "python", "-", json.dumps(asked), stdin=CLIENT.read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[str, Any]) -> bool:
    """Print it; True when the targets are met."""
    met = []

    def line(what: str, value: str, target: str, reached: bool) -> None:
        met.append(reached)
        print(f"{what:<34}{value:>26}   {target:<34}{'' if reached else 'MISSED'}", flush=True)

    for name, about in (("one", "one sensor"), ("all", "all sensors")):
        one = found[name]
        sql, endpoint = (quantiles(one[part]) for part in ("sql", "endpoint"))
        line(
            f"{about}: p50, p95 (ms)",
            f"{endpoint[0]:.1f}, {endpoint[1]:.1f}",
            f"SQL {sql[0]:.1f}, {sql[1]:.1f}; within {ABOVE_SQL:g}",
            endpoint[1] - sql[1] <= ABOVE_SQL,
        )
        ratio = SUPERSET[name] / endpoint[0]
        times = FASTER[name]
        line("  against Superset", f"{ratio:.0f} times", f"{times} times", ratio >= times)
        line(
            f"  bytes of {one['points']} points",
            f"{one['bytes']:,} ({one['compressed']:,} by zstd)",
            f"a {SMALLER}rd of {SUPERSET['bytes']:,}, {BYTES:,}",
            one["bytes"] * SMALLER <= SUPERSET["bytes"] and one["bytes"] < BYTES,
        )
    direct, proxy = (statistics.median(found[name] or [0]) for name in ("direct", "proxy"))
    pairs = zip(found["proxy"], found["direct"], strict=False)
    ratio = statistics.median([one / other for one, other in pairs] or [0])
    line(
        "charts/s straight, proxied",
        f"{direct:.0f}, {proxy:.0f} ({ratio:.2f})",
        f"{CHARTS}, {PROXY} of these",
        direct >= CHARTS and ratio >= PROXY,
    )
    shown = {name: quantiles(found[name]) for name in ("cold", "warm", "zoom")}
    for name, about in (("cold", "first chart, cold"), ("warm", "first chart, warm")):
        half, most = shown[name]
        line(f"{about}: p50, p95 (ms)", f"{half:.0f}, {most:.0f}", f"{FIRST}", half <= FIRST)
    half, most = shown["zoom"]
    line("zoom to points: p50, p95 (ms)", f"{half:.0f}, {most:.0f}", f"{ZOOM}", most <= ZOOM)
    ours, plain = (found["encoding"][name] for name in ("encode.points", "json"))
    line("arrays to JSON (ms)", f"{ours:.2f}", f"json: {plain:.2f}", ours < plain)
    return all(met)


def quantiles(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=5000, help="rows of each key")
    parser.add_argument("--times", type=int, default=100, help="calls of each measurement")
    parser.add_argument("--requests", type=int, default=200, help="in a round of requests/s")
    parser.add_argument("--rounds", type=int, default=15, help="of requests/s")
    parser.add_argument("--visits", type=int, default=10, help="browsers that open the page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="web") as name, BenchStack(Path(name)) as stack:
        fill(stack, given.keys, given.steps)
        found = measure(stack, given)
        found |= web_browser.measure(stack, given.keys, given.visits)
        return 0 if report(found) else 1


if __name__ == "__main__":
    sys.exit(main())
