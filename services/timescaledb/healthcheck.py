"""Healthy when the owner's `select 1` is answered over TCP and TLS, as the other services connect.

The superuser cannot log in over TCP, so the owner's own secret is used; it is handed to psql in a
password file on the tmpfs and shows in no process list.
"""

import os
import subprocess
import sys
import tempfile

from entrypoint import DATABASE, secret

from timestack.shared.roles import OWNER


def main() -> int:
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
