"""The database: its connections, transactions, cache and size."""

from __future__ import annotations

from sqlalchemy import text

from timestack.domains.operations import words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part
from timestack.domains.operations.thresholds import CACHE_HITS, CONNECTIONS, TRANSACTION

NAME = "database"
# Blocks that were asked for, below which a share says nothing.
ENOUGH = 100_000

# Those of the superuser are kept free for it.
MOST = text("""
    select current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int
           - current_setting('reserved_connections')::int
""")
CLIENTS = text("""
    select role, clients, oldest from
      (select role, sum(clients) as clients, max(oldest) as oldest
         from timestack_server.connections() group by role) as found
     order by clients desc, role
""")
BLOCKS = text("""
    select blks_hit as hits, blks_hit + blks_read as asked, stats_reset as since
      from pg_stat_database where datname = current_database()
""")
SIZE = text("select pg_database_size(current_database())")


def read(budget: Budget) -> Part:
    """Return how the database is used, and its size, for which each of its files is looked at."""
    used = use(budget)
    with budget.step() as session:
        size = session.scalar(SIZE)
    return Part(NAME, [*used.checks, Check("Size", words.size(size))])


def use(budget: Budget) -> Part:
    """Return how the database is used."""
    with budget.step() as session:
        most = session.scalar(MOST)
        clients = session.execute(CLIENTS).all()
    with budget.step() as session:
        blocks = session.execute(BLOCKS).one()
    return Part(NAME, [*_clients(most, clients), _cache(blocks)])


def _clients(most: int, found) -> list[Check]:
    used = sum(each.clients for each in found)
    oldest = max(
        (each for each in found if each.oldest), key=lambda each: each.oldest, default=None
    )
    by_role = ", ".join(f"{each.role or 'logging in'} {each.clients}" for each in found)
    checks = [
        Check(
            "Connections",
            f"{used} of {most}: {by_role}" if by_role else f"{used} of {most}",
            CONNECTIONS.state(used / most),
            str(CONNECTIONS),
            "See who holds them; more memory for the database (DB_MEMORY in .env) allows more.",
            link="/pgadmin/",
        )
    ]
    if oldest is None:
        return [*checks, Check("Oldest transaction", "none is open", limits=str(TRANSACTION))]
    return [
        *checks,
        Check(
            "Oldest transaction",
            f"open for {words.about(oldest.oldest)}, of {oldest.role}",
            TRANSACTION.state(oldest.oldest),
            str(TRANSACTION),
            "While it is open no old row is cleaned up: end it there if nobody needs it.",
            link="/pgadmin/",
        ),
    ]


def _cache(blocks) -> Check:
    rate = blocks.hits / blocks.asked if blocks.asked else 1.0
    since = f" since {blocks.since:%Y-%m-%d}" if blocks.since else ""
    return Check(
        "Cache hits",
        f"{words.share(rate)}{since}",
        CACHE_HITS.state(rate) if blocks.asked >= ENOUGH else "good",
        str(CACHE_HITS),
        "The rest came from the disk: give the database more memory (DB_MEMORY in .env), then:",
        "make up",
    )
