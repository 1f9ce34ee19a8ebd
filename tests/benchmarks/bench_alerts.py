"""``make bench-alerts``: an evaluation of 1,000 rules over 4,000 sensors, against the raw SQL.

Each rule is about all sensors, so that there are four million pairs; each sensor has a reading
every 10 s for three hours. At the end 1 % of the sensors are an alert by a tenth of the rules,
which an evaluation finds and the next ones have open. The raw SQL compares what is asked for by
itself, the newest reading of each sensor with each threshold, and writes nothing. The database is a
container of its own, removed at the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.benchmarks.bench_query import measure
from tests.integration.db.conftest import Database, Server
from tests.stack import ROOT, make_secrets
from timestack.domains.alerts import rules
from timestack.domains.alerts.evaluate import evaluate
from timestack.series import catalog, rollups

SCHEMA = ROOT / "services" / "timescaledb" / "schema" / "hypertables.yaml"
SENSORS = """
insert into sensors (type, location, name, unit)
select 'temperature', 'hall ' || n % 100, 'sensor ' || n, '°C' from generate_series(1, :sensors) n
"""
# By the order in which they come in: all sensors at a time.
READINGS = """
insert into readings (time, sensor_id, value)
select now() - step * interval '10 s', id, 20 + 5 * sin(step / 500.0 + id)
  from generate_series(:last, :first, -1) step, sensors order by step desc
"""
HOT = """
insert into readings (time, sensor_id, value)
select clock_timestamp(), id, 200 from sensors where id % 100 = :round
"""
RAW = """
select r.n, s.id, v.value from sensors s
 cross join lateral (select value from readings where sensor_id = s.id and time <= now()
                      and time > now() - interval '1 day' order by time desc limit 1) v
  join generate_series(1, :rules) r(n) on v.value > 100 + r.n
"""
BATCH = 500


def declared(count: int, lines: str) -> rules.Rules:
    """So many rules, each with a threshold of its own."""
    listed = "".join(
        f"  rule-{n}: {{table: readings, above: {100 + n}, clear: 90{lines}}}\n"
        for n in range(1, count + 1)
    )
    return rules.parse(f"rules:\n{listed}", catalog.load(SCHEMA))


def fill(database: Database, sensors: int, steps: int) -> None:
    with Session(database.engine("app")) as session, session.begin():
        session.execute(text(SENSORS), {"sensors": sensors})
    for first in range(0, steps, BATCH):
        with Session(database.engine("app")) as session, session.begin():
            session.execute(text("set local statement_timeout = 0"))
            session.execute(text(READINGS), {"first": first + 1, "last": first + BATCH})
    with Session(database.engine("app")) as session, session.begin():
        session.execute(text("set local statement_timeout = 0"))
        rollups.refresh(session, "readings", catalog.load(SCHEMA).hypertables["readings"])
    database.sql("vacuum analyze")
    database.sql("checkpoint")


def run(database: Database, count: int, sensors: int, steps: int, repeats: int) -> None:
    database.provision()
    fill(database, sensors, steps)
    print(f"{count:,} rules over {sensors:,} sensors, {sensors * steps:,} readings", flush=True)
    of = catalog.load(SCHEMA)

    def once(given: rules.Rules) -> dict[str, int]:
        with Session(database.engine("app")) as session, session.begin():
            return evaluate(session, given, of).result(given)

    def raw() -> None:
        with Session(database.engine("app")) as session, session.begin():
            session.execute(text(RAW), {"rules": count}).all()

    shapes = {
        "newest": "",
        "newest, for 10 minutes": ", for: 10 minutes",
        "mean of 6 hours": ", of: mean, over: 6 hours",
        "change in 1 hour": ", of: change, over: 1 hour",
    }
    bare = measure(raw, repeats)
    print(f"{'':<36} {'seconds p50':>11} {'p95':>7}  ratio")
    print(f"{'raw SQL':<36} {bare.p50 / 1000:>11.2f} {bare.p95 / 1000:>7.2f}")
    for name, lines in shapes.items():
        found = measure(partial(once, declared(count, lines)), repeats)
        report(f"{name}, no alert", found, bare)
    given = declared(count, "")
    with Session(database.engine("app")) as session, session.begin():
        session.execute(text(HOT), {"round": 0})
    start = time.perf_counter()
    result = once(given)
    print(f"{result['fired']:,} alerts fire in {time.perf_counter() - start:.2f} s", flush=True)
    report(f"newest, {result['firing']:,} firing", measure(partial(once, given), repeats), bare)


def report(name: str, ours, bare) -> None:
    line = f"{name:<36} {ours.p50 / 1000:>11.2f} {ours.p95 / 1000:>7.2f}"
    print(f"{line}  {ours.p50 / bare.p50:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--sensors", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=1000, help="readings per sensor")
    parser.add_argument("--repeats", type=int, default=5, help="calls per measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        secrets = Path(directory) / ".secrets"
        make_secrets(secrets)
        with Server(secrets, memory="4g") as server:
            database = Database(server, "timestack")
            run(database, options.rules, options.sensors, options.steps, options.repeats)
            database.close()


if __name__ == "__main__":
    main()
