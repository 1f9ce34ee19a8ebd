"""`indoubt`: what killed loads left prepared but not committed, and their staging tables."""

from __future__ import annotations

from sqlalchemy import Engine

from scripts.provision.console import say
from timestack.db import driver_connections
from timestack.domains.load import commit


def run(engine: Engine, *, settle: bool = False) -> int:
    """List the leftovers of dead loads; returns 2 when some remain.

    With ``settle`` a completed load is committed and any other rolled back, as the next load would
    do.
    """
    with driver_connections(engine, 1) as (connection,):
        found = commit.recover(connection) if settle else commit.leftovers(connection)
    for leftover in found:
        say(f"{leftover}: {'done' if settle else 'the next load does it'}")
    return 2 if found and not settle else 0
