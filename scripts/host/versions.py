"""Which PostgreSQL, which TimescaleDB and which edition: of an image, and of a running database."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from scripts.host.compose import one_off
from scripts.host.faults import Fault, Refused
from scripts.host.session import Session

EDITIONS = {"apache": "Apache-2", "timescale": "Community"}

IN_IMAGE = """
pg_config --version
cd "$(pg_config --sharedir)/extension"
sed -n "s/^default_version = '\\(.*\\)'/\\1/p" timescaledb.control
ls "$(pg_config --pkglibdir)" | grep -q '^timescaledb-tsl-' && echo timescale || echo apache
"""
IN_DATABASE = """
select 'PostgreSQL ' || current_setting('server_version');
select extversion from pg_extension where extname = 'timescaledb';
select current_setting('timescaledb.license');
"""


@dataclass(frozen=True)
class Version:
    """``postgresql`` is such as (17, 6), ``timescaledb`` such as (2, 19, 3)."""

    postgresql: tuple[int, ...]
    timescaledb: tuple[int, ...]
    edition: str

    def older_than(self, other: Version) -> bool:
        """Whether either is of an older release; a minor one of PostgreSQL does not count."""
        return self.postgresql[0] < other.postgresql[0] or self.timescaledb < other.timescaledb

    def __str__(self) -> str:
        postgresql, timescaledb = map(_text, (self.postgresql, self.timescaledb))
        return f"PostgreSQL {postgresql} with TimescaleDB {timescaledb} ({EDITIONS[self.edition]})"


def of_image(name: str) -> Version:
    """What a database image has; raises Refused where it has neither."""
    command = one_off(name, "sh", "-c", IN_IMAGE)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return _read(done.stdout)
    except ValueError:
        what = f"has no PostgreSQL with TimescaleDB: {done.stderr.strip() or done.stdout.strip()}"
        raise Refused([Fault(f"image {name}", what, "choose another one")]) from None


def of_database(ask: Session) -> Version:
    """What a running database is."""
    return _read(ask(IN_DATABASE))


def _read(text: str) -> Version:
    postgresql, timescaledb, edition = text.split("\n")[:3]
    return Version(_numbers(postgresql), _numbers(timescaledb), edition)


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", text)
    if not found:
        raise ValueError(text)
    return tuple(map(int, found[0].split(".")))


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
