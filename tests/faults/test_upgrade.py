"""`make upgrade`: to a newer TimescaleDB in place, and to one that does not start."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.stack import docker

pytestmark = pytest.mark.stack

PROJECT = f"timestack-upgrade-{os.getpid()}"
TAG = f"upgrade-{os.getpid()}"
BASE = f"{PROJECT}-base"
LIBRARIES = "/usr/lib/postgresql/current/lib"
SCRIPTS = "/usr/share/postgresql/$(readlink /usr/lib/postgresql/current)/extension"
# No package of an older version is at hand: this is the one that is there, under its name, and with
# its library alone, as a package has it.
OLDER = f"""
RUN now="$(sed -n "s/^default_version = '\\(.*\\)'/\\1/p" {SCRIPTS}/timescaledb.control)" \\
 && then="${{now%.*}}.$((${{now##*.}} - 1))" \\
 && cd {LIBRARIES} && sed "s/$now/$then/g" "timescaledb-$now.so" > "timescaledb-$then.so" \\
 && rm "timescaledb-$now.so" \\
 && cd {SCRIPTS} && sed -i "s/$now/$then/" timescaledb.control \\
 && sed "s/$now/$then/g" "timescaledb--$now.sql" > "timescaledb--$then.sql" \\
 && rm "timescaledb--$now.sql"
"""
# Nothing leads to its version.
BROKEN = f"""
RUN sed -i "s/^default_version = .*/default_version = '99.0.0'/" {SCRIPTS}/timescaledb.control
"""


def base(*steps: str) -> None:
    """Make the stack's base image of ours, with these steps."""
    file = "\n".join(["FROM timestack/timescaledb", "USER 0:0", *steps])
    subprocess.run(["docker", "build", "-q", "-t", BASE, "-"], input=file, text=True, check=True)


class Upgraded(Checkout):
    """A stack on a base of our own."""

    tag = TAG

    @property
    def version(self) -> tuple[int, ...]:
        found = self.sql("select extversion from pg_extension where extname = 'timescaledb'")
        return tuple(map(int, found.split(".")))


@pytest.fixture(scope="module")
def stack() -> Iterator[Upgraded]:
    base(OLDER)
    with tempfile.TemporaryDirectory(prefix=PROJECT, ignore_cleanup_errors=True) as name:
        made = Upgraded(Path(name), PROJECT, SEED="no", TIMESCALEDB_BASE=BASE)
        done = made.make("up")
        assert done.returncode == 0, done.stderr
        made.sql("insert into companies (name) values ('Kept')")
        yield made
        made.make("clean", FORCE="yes", BACKUPS="delete")
        listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"timestack/*:{TAG}")
        docker("rmi", BASE, *listed.split())


def test_the_extension_follows_a_newer_package_after_a_backup(stack: Upgraded) -> None:
    before = stack.version
    base()
    done = stack.make("upgrade")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.version == (*before[:2], before[2] + 1)
    assert stack.sql("select name from companies") == "Kept"
    assert "full" in stack.make("backups").stdout
    assert stack.make("drift").returncode == 0
    assert "There is nothing newer." in stack.make("upgrade").stdout


def test_what_does_not_start_goes_and_the_packages_of_before_come_back(stack: Upgraded) -> None:
    before = stack.version
    base(BROKEN)
    done = stack.make("upgrade")
    base()
    assert done.returncode != 0
    assert "going back to those of before" in done.stderr
    assert stack.version == before
    assert stack.sql("select name from companies") == "Kept"
    assert stack.get("/health/ready").status_code == 200
