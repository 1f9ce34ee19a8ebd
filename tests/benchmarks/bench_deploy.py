"""``make bench-deploy``: deploys under load through the proxy, and one of a broken version.

    python -m tests.benchmarks.bench_deploy [--deploys 5] [--rate 200] [--seconds 120]

A stack of its own in a copy of the project, removed at the end. Each round asks at a steady rate,
from the host and through the published port, for so many seconds, and a deploy begins when a
quarter of them is over; of the last round it is of a version whose health check fails. A request
failed if its status is not 200 or there was none. Its time is compared with that quarter.

Exit status 1 when a request failed, or a deploy did not end as it should.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from scripts.host.console import columns
from tests.deployed import UNHEALTHY, Deployed, deployed
from tests.steady import failed, p99

TABLE = Path("build/bench-deploy.txt")
HEADER = ("deploy", "seconds", "requests", "failed", "p99 before", "p99 during", "serves")


def measure(stack: Deployed, tag: str, good: bool, given: argparse.Namespace) -> tuple[str, ...]:
    """One round; a row of the table."""
    with stack.load(given.rate) as load:
        begin = time.monotonic()
        time.sleep(given.seconds / 4)
        started = time.monotonic()
        done = stack.deploy(tag, *(() if good else ("--wait", "20")))
        ended = time.monotonic()
        time.sleep(max(0.0, begin + given.seconds - ended))
    if (done.returncode == 0) is not good:
        print(done.stdout, done.stderr, file=sys.stderr)
    before, during = load.between(begin, started), load.between(started, ended)
    return (
        "good" if good else "broken",
        f"{ended - started:.0f}",
        str(len(load.answers)),
        str(len(failed(load.answers))),
        f"{p99(before):.0f} ms",
        f"{p99(during):.0f} ms",
        ("the new one" if set(stack.webs) == {tag} else "the old one"),
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--deploys", type=int, default=5)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=120, help="of a round, at least")
    given = parser.parse_args()
    rows = [HEADER]
    with deployed(f"timestack-bench-{os.getpid()}") as stack:
        done = stack.deploy(stack.version("0"))
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        for number in range(given.deploys):
            rows.append(measure(stack, stack.version(str(number + 1)), True, given))
        rows.append(measure(stack, stack.version("broken", UNHEALTHY), False, given))
    table = columns(rows, right={1, 2, 3, 4, 5})
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(f"{table}\n")
    print(table)
    ends = [("the old one" if row[0] == "broken" else "the new one") == row[-1] for row in rows[1:]]
    return 0 if all(ends) and all(row[3] == "0" for row in rows[1:]) else 1


if __name__ == "__main__":
    sys.exit(main())
