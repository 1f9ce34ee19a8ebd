"""Healthy when the owner's `select 1` is answered over TCP and TLS, as the other services connect.

The superuser cannot log in over TCP, so the owner's own secret is used; it is handed to psql in a
password file on the tmpfs and shows in no process list.

Each check also writes down how full the volume is, for timestack_server.volume() (server.sql):
nobody but this container sees the volume, and PostgreSQL has no function for it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from entrypoint import DATABASE, PGDATA, RUN, secret

from timestack.shared.roles import OWNER


def write_volume() -> None:
    """Write the volume's bytes; a reader finds the old file or the new one."""
    found = os.statvfs(PGDATA)
    size = {"total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}
    unfinished = RUN / "volume.json.unfinished"
    unfinished.write_text(json.dumps({**size, "at": time.time()}))
    unfinished.rename(RUN / "volume.json")


def main() -> int:
    # A server is healthy all the same.
    with suppress(OSError):
        write_volume()
    with tempfile.NamedTemporaryFile("w", prefix="health-", dir="/tmp") as passfile:
        password = secret(OWNER.secret).replace("\\", "\\\\").replace(":", "\\:")
        passfile.write(f"localhost:5432:{DATABASE}:{OWNER.name}:{password}\n")
        passfile.flush()
        return subprocess.run(
            [
                "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-password",
                f"host=localhost port=5432 dbname={DATABASE} user={OWNER.name} sslmode=require "
                "connect_timeout=3 application_name=healthcheck",
                "--command", "select 1",
            ],
            env={**os.environ, "PGPASSFILE": passfile.name},
            stdout=subprocess.DEVNULL,
        ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
