"""Run the migrations, unless the database is newer than these.

A database may be ahead of the code that runs on it: while a deploy replaces the old version, and
after it went back to that. What made it newer has written down the oldest migration whose code it
still serves (`additive.py`, `timestack.shared.revision`).
"""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

# Beside the package in the image as in the work tree.
import timestack
from scripts.provision import additive
from scripts.provision.errors import Refused
from timestack.shared import revision

ALEMBIC_INI = Path(timestack.__file__).resolve().parents[1] / "alembic.ini"
# Whoever waits for a lock makes everybody after it wait as well: short, and tried again.
LOCK_TIMEOUT, ATTEMPTS, PAUSE = "3s", 5, 2.0


def _revision(connection: Connection, script: ScriptDirectory) -> tuple[str | None, str | None]:
    """The database's revision and the oldest it serves, both None for an empty one.

    Raises Refused when this code knows neither.
    """
    found = None
    if MigrationContext.configure(connection).get_current_revision() is not None:
        found = connection.execute(text(revision.QUESTION)).one()
    current, oldest = found or (None, None)
    if found and not _known(script) & {current, oldest}:
        raise Refused(
            f"the database is at migration {current}, which this code does not know (it ends at "
            f"{script.get_current_head()}): it was provisioned by a newer version. Run that "
            "version, or restore a backup. Nothing was changed."
        )
    return current, oldest


def _known(script: ScriptDirectory) -> set[str]:
    return {each.revision for each in script.walk_revisions()}


def is_ahead(engine: Engine) -> bool:
    """Whether a newer version migrated it, which this code can do without.

    Raises Refused when it cannot.
    """
    script = ScriptDirectory.from_config(Config(ALEMBIC_INI))
    with engine.connect() as connection:
        current, _ = _revision(connection, script)
    return current is not None and current not in _known(script)


def migrate(engine: Engine, *, only_additive: bool = False) -> str:
    """Migrate to the newest revision in one transaction. Returns what was done, for a person.

    Raises Refused, with nothing changed, when the database is newer than the migrations, or when
    they are to be ``only_additive`` and are not.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return _migrate_once(engine, only_additive)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            if not left:
                raise Refused(
                    f"a table stayed locked for {LOCK_TIMEOUT}, {ATTEMPTS} times: see what holds "
                    "it (pg_stat_activity) and try again. Nothing was changed."
                ) from error
            time.sleep(PAUSE)
    raise AssertionError("the last attempt returns or raises")


def _migrate_once(engine: Engine, only_additive: bool) -> str:
    config = Config(ALEMBIC_INI)
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with engine.begin() as connection:
        before, oldest = _revision(connection, script)
        if before == head:
            return f"at revision {head} already"
        connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
        was = additive.schema(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        missed = additive.missed(was, additive.schema(connection)) if before else []
        if missed and only_additive:
            raise Refused(
                f"from {before} to {head}: the version that runs would not bear it",
                *missed,
                "Nothing was changed. Add what is new first and take away what is old in a later "
                "version, or: make deploy ARGS=--breaking, which stops the old version before",
            )
        serves = oldest if before and not missed else head
        connection.execute(text(revision.note(head, serves)))
    return f"from {before or 'an empty database'} to revision {head}"
