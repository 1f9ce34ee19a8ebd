"""The disk of the database is full."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from tests.faults.ledger import Ledger
from tests.faults.rows import Rows
from tests.stack import Stack, docker, wait_until

pytestmark = pytest.mark.stack

SIZE = "600m"
# The database's user in our image.
OWNER = "10002"
# 16 MB of write-ahead log, a segment of it.
LOGGED = "select pg_logical_emit_message(true, 'full', repeat(md5(random()::text), 500000))"


@pytest.fixture(scope="module")
def volume() -> Iterator[str]:
    """A volume of SIZE, and a container that holds it while the database's is away."""
    name = f"timestack-test-disk-{uuid.uuid4().hex[:8]}"
    options = f"size={SIZE},mode=0700,uid={OWNER},gid={OWNER}"
    docker("volume", "create", "--opt=type=tmpfs", "--opt=device=tmpfs", f"--opt=o={options}", name)
    label = ("--label", "com.docker.compose.project=")
    command = ("timestack/python", "sleep", "infinity")
    docker("run", "-d", "--init", "--name", name, *label, "-v", f"{name}:/held", *command)
    yield name
    docker("rm", "--force", name)
    docker("volume", "rm", "--force", name)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, volume: str) -> Iterator[Stack]:
    """A stack whose database is on that volume."""
    with Stack(tmp_path_factory.mktemp("disk"), SEED="no", DB_VOLUME=volume) as running:
        yield running


def fill(volume: str) -> None:
    """Fill what is left; what the database then writes goes nowhere."""
    command = ("docker", "exec", volume, "dd", "if=/dev/zero", "of=/held/filling", "bs=64k")
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "No space left on device" in said


def test_the_disk_of_the_database_is_full(
    stack: Stack, volume: str, ledger: Ledger, rows: Rows, prove
) -> None:
    with ledger.flow(), rows.flow():
        ledger.submit(10)
        fill(volume)
        wait_until(lambda: rows.statuses["503"] >= 3, "writing is refused", deadline=120)
        docker("exec", volume, "rm", "/held/filling")
        ledger.submit(10)
    prove("the database's disk is full", rows)


def test_the_disk_is_so_full_that_the_database_cannot_start(
    stack: Stack, volume: str, ledger: Ledger, rows: Rows, prove
) -> None:
    with ledger.flow(), rows.flow():
        ledger.submit(10)
        fill(volume)
        # Its log takes what is left of the files that it has, and then it ends.
        for _ in range(1000):
            if stack.exec("timescaledb", "psql", "-U", "postgres", "-c", LOGGED).returncode:
                break
        restarts = lambda: stack.inspect("timescaledb")["RestartCount"]  # noqa: E731
        wait_until(lambda: restarts() >= 2, "it does not come up again", deadline=120)
        docker("exec", volume, "rm", "/held/filling")
    prove("the database's disk is so full that it cannot start", rows)
