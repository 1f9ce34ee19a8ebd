"""Migrations while another version runs: what they did is looked at before it is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.provision import migrate
from scripts.provision.errors import Refused
from tests.integration.db.conftest import Database

pytestmark = pytest.mark.database

ADDS = "op.execute('alter table sensors add column colour text')"
TAKES = "op.execute('do $$ begin alter table sensors rename column unit to units; end $$')"
MIGRATION = """
from alembic import op
revision, down_revision, branch_labels, depends_on = {0!r}, {1!r}, None, None
def upgrade():
    {2}
"""


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the code one that has more migrations, which run these statements, in order."""
    before = migrate.ALEMBIC_INI
    shutil.copy(before, tmp_path)
    shutil.copytree(before.parent / "migrations", tmp_path / "migrations")
    newest = max(path.name[:4] for path in (tmp_path / "migrations" / "versions").glob("0*.py"))

    def add(*statements: str) -> None:
        below = newest
        for number, statement in enumerate(statements):
            file = tmp_path / "migrations" / "versions" / f"newer{number}.py"
            file.write_text(MIGRATION.format(f"newer{number}", below, statement))
            below = f"newer{number}"
        monkeypatch.setattr(migrate, "ALEMBIC_INI", tmp_path / before.name)

    return add


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch):
    """Makes the code the one from before again."""
    before = migrate.ALEMBIC_INI
    return lambda: monkeypatch.setattr(migrate, "ALEMBIC_INI", before)


def columns(database: Database) -> set[str]:
    return set(
        database.sql(
            "select string_agg(attname, ' ') from pg_attribute"
            " where attrelid = 'sensors'::regclass and attnum > 0"
        ).split()
    )


def test_code_from_before_an_addition_goes_on(database: Database, older, newer) -> None:
    database.provision()
    newer(ADDS)
    migrate.migrate(database.engine(), only_additive=True)
    assert "colour" in columns(database)
    assert not migrate.is_ahead(database.engine())
    older()
    assert migrate.is_ahead(database.engine())


def test_what_takes_something_away_is_refused_while_another_version_runs(
    database: Database, older, newer
) -> None:
    database.provision()
    newer(ADDS, TAKES)
    with pytest.raises(Refused) as refused:
        migrate.migrate(database.engine(), only_additive=True)
    assert "public.sensors.unit: is gone" in refused.value.faults
    assert not {"colour", "units"} & columns(database)
    migrate.migrate(database.engine())
    assert {"colour", "units"} <= columns(database)
    older()
    with pytest.raises(Refused, match="which this code does not know"):
        migrate.is_ahead(database.engine())


def test_an_addition_to_what_was_taken_away_serves_no_older_code(
    database: Database, older, newer
) -> None:
    database.provision()
    newer(TAKES)
    migrate.migrate(database.engine())
    newer(TAKES, ADDS)
    migrate.migrate(database.engine(), only_additive=True)
    older()
    with pytest.raises(Refused):
        migrate.is_ahead(database.engine())


def test_a_table_that_stays_locked_is_not_waited_for(
    database: Database, newer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.provision()
    newer(ADDS)
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrate, "PAUSE", 0.01)
    with database.engine().begin() as reader:
        reader.exec_driver_sql("select from sensors limit 1")
        with pytest.raises(Refused, match="stayed locked"):
            migrate.migrate(database.engine(), only_additive=True)
    migrate.migrate(database.engine(), only_additive=True)
    assert "colour" in columns(database)
