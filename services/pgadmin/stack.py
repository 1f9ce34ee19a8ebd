"""pgAdmin's settings from the stack, and how libpq gets the password."""

import os
from dataclasses import dataclass
from pathlib import Path

from timestack.shared.roles import PGADMIN

# The section of the file that libpq reads the password from.
SERVICE = "timestack"
SERVICE_FILE = Path("/tmp/pg_service.conf")  # noqa: S108  (this container's own tmpfs, 0700)
SECRETS = Path("/run/secrets")


@dataclass(frozen=True)
class Settings:
    """What pgAdmin needs to know of the stack."""

    admin_email: str
    host: str
    port: int
    database: str
    password: str
    proxy_secret: str

    @classmethod
    def load(cls) -> "Settings":
        """Read environment and secret files; raise ValueError naming every fault at once."""
        faults = []
        email = os.environ.get("ADMIN_EMAIL", "").strip()
        if "@" not in email:
            faults.append(f"ADMIN_EMAIL is {email!r}: set an e-mail address in .env")
        port = os.environ.get("DATABASE_PORT", "5432")
        if not port.isdigit():
            faults.append(f"DATABASE_PORT is {port!r}: set a number")
        found = {}
        # An empty pgadmin_proxy_secret would open the door, and make pgAdmin skip its own check.
        for name in (PGADMIN.secret, "pgadmin_proxy_secret", "ca.pem"):
            try:
                found[name] = (SECRETS / name).read_text().strip()
            except OSError as fault:
                faults.append(f"{SECRETS / name}: {fault.strerror}: run 'make up' to generate it")
                continue
            if not found[name]:
                faults.append(f"{SECRETS / name} is empty: delete it and run 'make up'")
        if faults:
            raise ValueError("; ".join(faults))
        return cls(
            # In lower case, as door.py hands names on.
            admin_email=email.lower(),
            host=os.environ.get("DATABASE_HOST", "timescaledb"),
            port=int(port),
            database=os.environ.get("DATABASE_NAME", "timestack"),
            password=found[PGADMIN.secret],
            proxy_secret=found["pgadmin_proxy_secret"],
        )


def write_service_file(settings: Settings) -> None:
    """Hand the password to libpq in tmpfs, so that neither SQLite nor a browser ever has it.

    Source: https://www.postgresql.org/docs/17/libpq-pgservice.html
    """
    SERVICE_FILE.unlink(missing_ok=True)
    SERVICE_FILE.touch(mode=0o600, exist_ok=False)
    # pg_dump and psql learn of the server's TLS only from here: pgAdmin hands its own sslmode on
    # only beside a client certificate.
    SERVICE_FILE.write_text(
        f"[{SERVICE}]\n"
        f"password={settings.password}\n"
        "sslmode=verify-full\n"
        f"sslrootcert={SECRETS / 'ca.pem'}\n"
    )
    os.environ["PGSERVICEFILE"] = str(SERVICE_FILE)
