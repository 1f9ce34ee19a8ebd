"""A time in which the database is read and not written: what a move needs to copy it whole.

The setting is the server's own, so that it outlives this process, and each `make up` takes it back.
Sessions have it from their next transaction on, and none is ended for it.
"""

from __future__ import annotations

import time

from scripts.host.session import Session

# Held while somebody may still write; a copy begins behind it (scripts/provision/copying.py).
HOLD = "select pg_advisory_lock(hashtext('timestack.readonly'));"
# The setting is the server's: it is taken back whatever became of the database itself.
ANYWHERE = "postgres"
ON = "alter system set default_transaction_read_only = on;"
OFF = "alter system reset default_transaction_read_only;"
IS_ON = """
select count(*) from pg_file_settings
 where name = 'default_transaction_read_only' and setting = 'on';
"""
RELOAD = "select pg_reload_conf();"
NOW = "select extract(epoch from clock_timestamp());"
# Transactions that may have begun to write.
OLDER = """
  from pg_stat_activity
 where datname = 'timestack' and backend_type = 'client backend'
   and extract(epoch from xact_start) < {before};
"""
# For a session to see the setting; what slips through is found by the comparison.
SEEN = 1.0
# What a request may take (STATEMENT_TIMEOUT of the web), and some.
PATIENCE = 20.0


def begin(container: str) -> None:
    """Let nobody write any more; a transaction that is open has PATIENCE seconds to end."""
    with Session(container) as ask:
        ask(HOLD)
        ask(ON)
        ask(RELOAD)
        time.sleep(SEEN)
        older, deadline = OLDER.format(before=ask(NOW).strip()), time.monotonic() + PATIENCE
        while int(ask(f"select count(*) {older}")):
            if time.monotonic() > deadline:
                ask(f"select pg_terminate_backend(pid) {older}")
            time.sleep(0.2)


def end(container: str) -> bool:
    """Let everybody write; False where everybody could."""
    with Session(container, ANYWHERE) as ask:
        if not int(ask(IS_ON)):
            return False
        ask(OFF)
        ask(RELOAD)
    return True
