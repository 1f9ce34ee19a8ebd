"""`indoubt`: what killed loads left prepared but not committed, and staging tables of theirs."""

from __future__ import annotations

from sqlalchemy import Engine

from scripts.provision.console import say
from timestack.domains.load import commit
from timestack.domains.load.lanes import connections


def run(engine: Engine) -> int:
    """List the leftovers and what the next load will do about them; 2 when there are any."""
    with connections(engine, 1) as (connection,):
        found = commit.leftovers(connection)
    for leftover in found:
        say(f"{leftover}: the next load does it")
    return 2 if found else 0
