"""`indoubt`: what killed loads left prepared but not committed, and staging tables of theirs."""

from __future__ import annotations

from sqlalchemy import Engine

from scripts.provision.console import say
from timestack.db import driver_connections
from timestack.domains.load import commit


def run(engine: Engine, *, settle: bool = False) -> int:
    """List the leftovers of dead loads; 2 when there are any and they stay.

    With ``settle`` a load that had happened is committed and any other rolled back, which else the
    next load does.
    """
    with driver_connections(engine, 1) as (connection,):
        found = commit.recover(connection) if settle else commit.leftovers(connection)
    for leftover in found:
        say(f"{leftover}: {'done' if settle else 'the next load does it'}")
    return 2 if found and not settle else 0
