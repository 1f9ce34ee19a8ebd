"""Run the migrations, unless the database is newer than these."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

# Beside the package in the image as in the work tree.
import timestack
from scripts.provision.errors import Refused

ALEMBIC_INI = Path(timestack.__file__).resolve().parents[1] / "alembic.ini"


def _revision(connection: Connection, script: ScriptDirectory) -> str | None:
    """Return the database's revision, None for an empty one; raises Refused for an unknown one."""
    known = {revision.revision for revision in script.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise Refused(
            f"the database is at migration {current}, which this code does not know (it ends at "
            f"{script.get_current_head()}): it was provisioned by a newer version. Run that "
            "version, or restore a backup. Nothing was changed."
        )
    return current


def require_known(engine: Engine) -> None:
    """Raise Refused when the database is newer than the migrations."""
    with engine.connect() as connection:
        _revision(connection, ScriptDirectory.from_config(Config(ALEMBIC_INI)))


def migrate(engine: Engine) -> str:
    """Migrate to the newest revision in one transaction. Returns what was done, for a person.

    Raises Refused, with nothing changed, when the database is newer than the migrations.
    """
    config = Config(ALEMBIC_INI)
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with engine.begin() as connection:
        before = _revision(connection, script)
        if before == head:
            return f"at revision {head} already"
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return f"from {before or 'an empty database'} to revision {head}"
