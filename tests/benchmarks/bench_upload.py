"""``make bench-upload``: a file through the Datasets page, against `make load` of the same file.

    python -m tests.benchmarks.bench_upload [--rows 5000000]

A stack of its own, removed at the end. Chromium chooses the file on the page, which sends it in
parts, and presses *Make the dataset*: seconds of the upload, and rows a second of the job that
loads it, until its rollups are computed. Then the loader of `make load` loads the same file into
the table of another dataset of the same layout. The memory of the web's container is looked at
meanwhile, and compared with that at rest. While the job runs, the page is not open: the browser
would take from the processors that the loads are measured on.

Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, QUIET, at_a_desk, cookies
from tests.stack import Stack, wait_until

START = np.datetime64("2024-01-01T00:00:00")
STEP = np.timedelta64(10, "s")
SENSORS = 400
# The part of the loader's rows a second that is wanted, and megabytes that the web may take more.
RATIO, MORE_MB = 0.8, 60
# Seconds that a file may take.
PATIENCE = 1200
# Resident and anonymous bytes of a container, twice a second. To enter the container for each
# would take a part of the processor that the job is measured on.
MEMORY = """
while cat /sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory/memory.stat 2>/dev/null |
  awk '$1 == "total_rss" || $1 == "anon" {print $2; exit}'
do sleep 0.5; done
"""
JOB = """
select state, coalesce(errors::text, '')
  from jobs where kind = 'datasets.load' order by created_at desc limit 1
"""
CREATED = "select max(id)::text from datasets"
# Of the newest; written in the transaction of its rows.
READ = "select 1 from imports where id = (select format('datasets.d%s', max(id)) from datasets)"


class Upload(NamedTuple):
    """Seconds of the upload, of the job's reading, and until its rollups were computed as well."""

    sent: float
    read: float
    ready: float


def generate(path: Path, rows: int) -> None:
    """Write rows of a time, a sensor and two values, SENSORS of them every ten seconds."""
    random = np.random.default_rng(20260101)
    names = [f"s{number:03}" for number in range(SENSORS)]
    with path.open("w") as file:
        file.write("time,sensor,power,voltage\n")
        for step in range(-(-rows // SENSORS)):
            at = START + step * STEP
            count = min(SENSORS, rows - step * SENSORS)
            values = random.integers(0, 100_000, (count, 2)) / 100
            file.writelines(
                f"{at}Z,{name},{power},{voltage}\n"
                for name, (power, voltage) in zip(names, values.tolist(), strict=False)
            )
    path.chmod(0o644)


@contextmanager
def memory(stack: Stack) -> Iterator[list[float]]:
    """Gather the megabytes of the web's container: one before the block, the others after it."""
    looking = subprocess.Popen(
        ["docker", "exec", f"{stack.project}-web-1", "sh", "-c", MEMORY],
        stdout=subprocess.PIPE,
        text=True,
    )
    found = [int(looking.stdout.readline()) / 1e6]
    try:
        yield found
    finally:
        looking.terminate()
        found += [int(line) / 1e6 for line in looking.communicate()[0].splitlines()]


def upload(page: Page, stack: Stack, file: Path) -> Upload:
    """Make a dataset of a file on the page; seconds of each part."""
    page.goto(f"{stack.url}/dash/datasets")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    begun = time.monotonic()
    chooser.value.set_files(file)
    make = page.get_by_role("button", name="Make the dataset")
    make.wait_for(timeout=PATIENCE * 1000)
    sent = time.monotonic() - begun
    make.click()
    page.wait_for_url("**/dash/datasets?dataset=*")
    # A reader's browser draws the progress on a machine of its own, not on the server's.
    page.goto("about:blank")
    wait_until(lambda: _job(stack)[0] != "queued", "the load begins", PATIENCE)
    started = time.monotonic()
    wait_until(lambda: _is_read(stack) or _is_over(stack), "it is read", PATIENCE)
    read = time.monotonic() - started
    wait_until(lambda: _is_over(stack), "it is loaded", PATIENCE)
    return Upload(sent, read, time.monotonic() - started)


def _job(stack: Stack) -> tuple[str, ...]:
    """State and errors of the newest load; there is none before it is asked for."""
    return next(iter(stack.sql(JOB)), ("queued", ""))


def _is_read(stack: Stack) -> bool:
    return bool(stack.sql(READ))


def _is_over(stack: Stack) -> bool:
    state, errors = _job(stack)
    assert state in ("queued", "running", "succeeded"), errors
    return state == "succeeded"


def load(stack: Stack, file: Path, table: str) -> float:
    """Load a file as `make load` does; seconds."""
    begun = time.monotonic()
    done = stack.compose(
        *("run", "--rm", "--no-deps", "-T", "-v", f"{file}:/load/{file.name}:ro", "provision"),
        *("python", "-m", "scripts.provision.load", "--table", table, f"/load/{file.name}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - begun


def measure(stack: Stack, folder: Path, rows: int) -> bool:
    """Do it, and print it; True when the targets are met."""
    file, small = folder / "large.csv", folder / "small.csv"
    generate(file, rows)
    generate(small, 40 * SENSORS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False, args=QUIET
        )
        with at_a_desk(browser, ignore_https_errors=True) as context:
            context.add_cookies(cookies(stack))
            page = context.new_page()
            # What is the same for each file is done once before.
            upload(page, stack, small)
            ((other,),) = stack.sql(CREATED)
            stack.sql(f"truncate datasets.d{int(other)}")
            with memory(stack) as taken:
                found = upload(page, stack, file)
        browser.close()
    ((id,),) = stack.sql(CREATED)
    seconds = load(stack, file, f"datasets.d{int(other)}")
    for table in (id, other):
        assert stack.sql(f"select count(*) from datasets.d{int(table)}") == [(str(rows),)]
    return report(rows, file.stat().st_size / 1e6, found, seconds, taken)


def report(rows: int, size: float, found: Upload, seconds: float, taken: list[float]) -> bool:
    """Print it; True when the targets are met."""
    met = []

    def line(what: str, value: str, target: str = "", *, reached: bool = True) -> None:
        met.append(reached)
        print(f"{what:<34}{value:>26}   {target:<12}{'' if reached else 'MISSED'}", flush=True)

    ratio, more = seconds / found.read, max(taken) - taken[0]
    line("upload", f"{found.sent:.1f} s, {size / found.sent:.0f} MB/s")
    line("the job, with its rollups", f"{found.ready:.1f} s")
    line("make load", f"{rows / seconds:,.0f} rows/s")
    read = f"{rows / found.read:,.0f} rows/s ({ratio:.2f})"
    line("the job, without", read, f"{RATIO}", reached=ratio >= RATIO)
    memory = f"{more:.0f} MB, at rest {taken[0]:.0f}"
    line("more memory of the web", memory, f"{MORE_MB} MB", reached=more <= MORE_MB)
    return all(met)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upload") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Stack(folder, SEED="no", API_RATE="1000000/minute") as stack:
            return 0 if measure(stack, folder, given.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
