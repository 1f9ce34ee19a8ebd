"""One provisioner at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from scripts.provision.console import say
from timestack.db import autocommit

# Any fixed number works; this one is ours ("timestk" in ASCII).
KEY = 0x74696D6573746B


@contextmanager
def provisioning(engine: Engine, report: Callable[[str], None] = say) -> Iterator[Connection]:
    """Hold the provisioning lock and yield its connection; a second provisioner waits.

    It is a session's advisory lock: the server frees it when the provisioner is killed.
    """
    with autocommit(engine) as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": KEY}):
            report("waiting: another provisioner is running")
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": KEY})
        try:
            yield connection
        finally:
            # The connection goes back to its pool and stays open, and the lock with it.
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": KEY})
