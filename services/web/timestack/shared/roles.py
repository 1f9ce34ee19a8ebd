"""The database's login roles: one entry here makes the role, its password and its limits.

What each may do to a table is declared in hypertables.yaml. Compose mounts the passwords.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """``Role("app")`` logs in as ``timestack_app``; its password is in ``db_app_password``.

    ``member_of`` are PostgreSQL's predefined roles; ``functions`` it may execute; ``settings``
    hold for its sessions, each a name and a value. ``outside`` lets it log in through DB_PORT;
    the others come from the stack's own networks alone.
    """

    short: str
    member_of: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    outside: bool = False

    @property
    def name(self) -> str:
        """What PostgreSQL calls it."""
        return f"timestack_{self.short}"

    @property
    def secret(self) -> str:
        """The file that holds its password."""
        return f"db_{self.short}_password"


READS_ONLY = (("default_transaction_read_only", "on"), ("statement_timeout", "60s"))

# Owns the database and its objects. The database's entrypoint makes it; it may create roles but
# is not a superuser.
OWNER = Role("owner")
# Web and workers. What they may know of the server is what these functions of the superuser answer
# (services/timescaledb/server.sql): pg_read_all_stats would show them everybody's statements.
APP = Role(
    "app",
    functions=(
        "timestack_server.backups()",
        "timestack_server.connections()",
        "timestack_server.look_at_backups()",
        "timestack_server.start_backup(text)",
        "timestack_server.start_verification()",
        "timestack_server.statements()",
        "timestack_server.volume()",
    ),
)
# Notebooks and reports.
READONLY = Role("readonly", settings=READS_ONLY, outside=True)
# An administrator in pgAdmin.
PGADMIN = Role("pgadmin", member_of=("pg_monitor", "pg_signal_backend"))
# `python -m scripts.scan` on other hosts: tables of files and test results, and nothing else.
SCANNER = Role("scanner", settings=(("statement_timeout", "60s"),), outside=True)
# The exporter of PostgreSQL's own figures. What pg_monitor lets it see are statements as they run,
# with their constants, but no row of a table.
METRICS = Role("metrics", member_of=("pg_monitor",), settings=READS_ONLY)
# Physical backups copy files, so that no right to read a table is needed. pg_read_all_data would
# also open pg_authid with everybody's verifiers.
BACKUP = Role(
    "backup",
    member_of=("pg_checkpoint", "pg_read_all_settings"),
    functions=(
        "pg_backup_start(text, boolean)",
        "pg_backup_stop(boolean)",
        "pg_switch_wal()",
        "pg_create_restore_point(text)",
    ),
)

ROLES = (
    OWNER,
    APP,
    READONLY,
    PGADMIN,
    SCANNER,
    METRICS,
    BACKUP,
)

# Those that provisioning makes.
LOGINS = tuple(role for role in ROLES if role is not OWNER)
BY_NAME = {role.name: role for role in ROLES}
BY_SECRET = {role.secret: role for role in ROLES}
# What PostgreSQL has to let the owner hand on.
PREDEFINED = tuple(dict.fromkeys(group for role in ROLES for group in role.member_of))
FUNCTIONS = tuple(dict.fromkeys(name for role in ROLES for name in role.functions))
