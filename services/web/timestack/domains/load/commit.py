"""All lanes commit or none does, even when the loader is killed in between.

Several lanes are prepared and then committed one after the other (two-phase commit). The first
one carries the load's row in ``imports``: once that is committed the load is complete, and the
other prepared ones must be committed too; before that, none may be. ``recover`` settles by that
rule what a killed load left behind. A running load holds an advisory lock, which distinguishes the
two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection

from timestack.domains.load.lanes import Lane
from timestack.series.sql import literal, quote

PREFIX = "timestack-load"
STAGING = "timestack_load_"

# What another role's loads left is for that role to settle: nobody else may.
PREPARED = """
select gid, split_part(gid, ':', 2), prepared from pg_prepared_xacts
 where database = current_database() and owner = current_user and gid like %s order by gid
"""
HAPPENED = """
select exists (select from imports
                where left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 32) = %s)
"""
STAGINGS = """
select nspname, relname, substr(relname, length(%(prefix)s) + 1)
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
 where starts_with(relname, %(prefix)s) and relkind = 'r'
   and relowner = current_user::regrole
"""


def key_of(import_id: str) -> str:
    """Return the name of a load in transaction and table names: 32 hexadecimal digits."""
    return hashlib.sha256(import_id.encode()).hexdigest()[:32]


def lock(connection: Connection, key: str, *, wait: bool = True) -> bool:
    """Take the lock of a load until the connection ends; False when another one has it."""
    function = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(hashtextextended(%s, 0))", (f"{PREFIX}:{key}",))
        return cursor.fetchone()[0] is not False


def unlock(connection: Connection, key: str) -> None:
    """Release the lock of a load."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (f"{PREFIX}:{key}",))


def can_prepare(connection: Connection) -> bool:
    """Whether the server allows prepared transactions at all."""
    with connection.cursor() as cursor:
        cursor.execute("show max_prepared_transactions")
        return int(cursor.fetchone()[0]) > 0


def commit(lanes: Sequence[Lane], key: str) -> None:
    """Commit every lane. The first one must have written the load's row in ``imports``."""
    if len(lanes) == 1:
        lanes[0].cursor.execute("commit")
        return
    named = [(lane, literal(f"{PREFIX}:{key}:{number}")) for number, lane in enumerate(lanes)]
    prepared: list[tuple[Lane, str]] = []
    try:
        for lane, name in named:
            lane.cursor.execute(f"prepare transaction {name}")
            prepared.append((lane, name))
    except psycopg2.Error:
        for lane, name in prepared:
            lane.cursor.execute(f"rollback prepared {name}")
        raise
    # The load is complete as soon as the first of these is done.
    for lane, name in named:
        lane.cursor.execute(f"commit prepared {name}")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something a killed load left. ``fate`` is what ``recover`` does: commit, rollback, drop."""

    name: str
    fate: str

    def __str__(self) -> str:
        return f"{self.name}: {self.fate}"


def leftovers(connection: Connection) -> list[Leftover]:
    """Return what dead loads left in doubt, and what should be done about it; changes nothing."""
    return [found for found, _ in _dead(connection)]


def recover(connection: Connection) -> list[Leftover]:
    """Settle what dead loads left: commit the complete ones, undo the others."""
    settled = []
    for found, statement in _dead(connection):
        with connection.cursor() as cursor:
            cursor.execute(statement)
        settled.append(found)
    return settled


def _dead(connection: Connection):
    """Yield each leftover and its statement, holding its load's lock meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(PREPARED, (f"{PREFIX}:%",))
        prepared = cursor.fetchall()
        cursor.execute(STAGINGS, {"prefix": STAGING})
        stagings = cursor.fetchall()
    for gid, key, _ in prepared:
        if lock(connection, key, wait=False):
            with connection.cursor() as cursor:
                cursor.execute(HAPPENED, (key,))
                fate = "commit" if cursor.fetchone()[0] else "rollback"
            yield Leftover(gid, fate), f"{fate} prepared {literal(gid)}"
            unlock(connection, key)
    for schema, name, key in stagings:
        if lock(connection, key, wait=False):
            yield Leftover(name, "drop"), f"drop table if exists {quote(schema)}.{quote(name)}"
            unlock(connection, key)
