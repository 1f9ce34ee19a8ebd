"""Least privilege: each role tries what it must not do."""

from __future__ import annotations

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.integration.db.conftest import Database
from timestack.shared.roles import LOGINS

pytestmark = pytest.mark.database

ROLES = tuple(role.short for role in LOGINS)


@pytest.fixture(scope="module")
def shop(provisioned: Database) -> Database:
    """A sensor with a reading, and two accounts with a day of usage each."""
    provisioned.sql(
        "insert into sensors (type, location, name, unit) values ('t', 'l', 'n', 'u');"
        "insert into readings values ('2024-01-01', 1, 1);"
        "insert into usage (account, project, day, items)"
        " values ('anna', 'p', '2024-01-01', 1), ('bert', 'p', '2024-01-01', 2)"
    )
    return provisioned


def attempt(database: Database, role: str, *statements: str) -> list:
    """Rows of the last statement; everything is rolled back."""
    with database.engine(role).connect() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        return result.all() if result.returns_rows else []


def refusal(database: Database, role: str, statement: str) -> str:
    """SQLSTATE with which the server refuses a statement; fails when it does not."""
    with pytest.raises(SQLAlchemyError) as error:
        attempt(database, role, statement)
    assert isinstance(error.value.orig, psycopg2.Error)
    return error.value.orig.pgcode


DENIED = "42501"
NOBODY_MAY = (
    "create table stolen (id int)",
    "create schema stolen",
    "create role stolen superuser",
    "alter role timestack_app superuser",
    "select set_config('log_statement', 'all', false)",
    "drop table readings",
    "alter table readings add column extra int",
    "truncate readings",
    "copy readings to program 'cat'",
    "copy readings from '/etc/passwd'",
    "select pg_read_file('/etc/passwd')",
    "select rolpassword from pg_authid",
    "set role timestack_owner",
    "set session authorization timestack_owner",
    "select timestack.record_change()",
    "update alembic_version set version_num = ''",
    "create extension file_fdw",
    "select drop_chunks('readings', older_than => now())",
    "delete from readings_1d",
)
ONLY_WRITERS_MAY = (
    "insert into readings values (now(), 1, 2)",
    "update readings set value = 0",
    "delete from readings",
    "delete from sensors",
    "delete from jobs",
    "insert into imports (id, table_name, source, rows) values ('x', 'x', 'x', 1)",
)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", NOBODY_MAY)
def test_nobody_but_the_owner_may(shop: Database, role: str, statement: str) -> None:
    # A session that is read-only says so before it looks at rights; a trigger function cannot be
    # called at all.
    assert refusal(shop, role, statement) in (DENIED, "25006", "0A000")


@pytest.mark.parametrize("role", ["readonly", "backup", "scanner"])
@pytest.mark.parametrize("statement", ONLY_WRITERS_MAY)
def test_a_reader_writes_nothing(shop: Database, role: str, statement: str) -> None:
    with pytest.raises(SQLAlchemyError, match="permission denied"):
        attempt(shop, role, "set default_transaction_read_only = off", "commit", statement)


@pytest.mark.parametrize("role", ["app", "readonly", "pgadmin"])
def test_everybody_else_reads_the_readings_and_their_rollups(shop: Database, role: str) -> None:
    assert attempt(shop, role, "select value from readings") == [(1,)]
    attempt(shop, role, "select * from readings_1d")


def test_the_scanner_reads_nothing_but_files_and_test_results(shop: Database) -> None:
    for table in ("readings", "readings_1d", "users", "logins", "jobs", "usage"):
        assert refusal(shop, "scanner", f"select * from {table}") == DENIED
    for table in ("tracked_files", "file_jobs", "test_runs", "test_results", "test_statistics"):
        attempt(shop, "scanner", f"select * from {table}")


def test_the_backup_role_reads_no_table(shop: Database) -> None:
    for table in ("readings", "readings_1d", "sensors", "usage"):
        assert refusal(shop, "backup", f"select * from {table}") == DENIED


def test_the_backup_role_may_take_a_backup(shop: Database) -> None:
    answer = attempt(shop, "backup", "select pg_switch_wal()", "checkpoint", "show data_directory")
    assert answer == [("/var/lib/postgresql/data",)]


@pytest.mark.parametrize("role", ["app", "pgadmin"])
def test_a_writer_corrects_a_reading(shop: Database, role: str) -> None:
    assert attempt(shop, role, "update readings set value = 3", "select value from readings") == [
        (3,)
    ]


def test_the_application_cannot_forge_the_record_of_an_import(shop: Database) -> None:
    assert refusal(shop, "app", "delete from imports") == DENIED
    assert refusal(shop, "app", "update imports set rows = 0") == DENIED


def test_the_administrator_sees_what_others_run_and_cannot_read_settings_of_secrets(
    shop: Database,
) -> None:
    seen = attempt(
        shop, "pgadmin", "select count(query) from pg_stat_activity where usename <> 'x'"
    )
    assert seen[0][0] > 0


@pytest.mark.parametrize(
    "statement", ["select last_value from sensors_id_seq", "select setval('sensors_id_seq', 7)"]
)
def test_the_administrator_alone_reads_and_sets_where_ids_stand(
    shop: Database, statement: str
) -> None:
    attempt(shop, "pgadmin", statement)
    for role in ("app", "readonly", "backup"):
        assert refusal(shop, role, statement) in (DENIED, "25006")


def test_the_ids_of_users_are_for_the_web_alone(shop: Database) -> None:
    assert refusal(shop, "pgadmin", "select last_value from users_id_seq") == DENIED


OWN = "select set_config('timestack.account', 'anna', true)"


@pytest.mark.parametrize("role", ["app", "readonly"])
def test_an_account_sees_its_own_usage_and_no_other(shop: Database, role: str) -> None:
    assert attempt(shop, role, OWN, "select account from usage") == [("anna",)]


@pytest.mark.parametrize("role", ["app", "readonly"])
@pytest.mark.parametrize("account", [None, ""])
def test_without_an_account_there_is_no_usage(shop: Database, role, account) -> None:
    name = [f"select set_config('timestack.account', '{account}', true)"] * (account is not None)
    assert attempt(shop, role, *name, "select account from usage") == []


def test_an_account_cannot_write_the_usage_of_another(shop: Database) -> None:
    insert = "insert into usage (account, project, day) values ('bert', 'q', '2024-01-02')"
    with pytest.raises(SQLAlchemyError, match="row-level security"):
        attempt(shop, "app", OWN, insert)
    changed = attempt(shop, "app", OWN, "update usage set items = 9 returning account")
    assert changed == [("anna",)]
    with pytest.raises(SQLAlchemyError, match="row-level security"):
        attempt(shop, "app", OWN, "update usage set account = 'bert'")


def test_the_account_does_not_outlive_its_transaction(shop: Database) -> None:
    with shop.engine("app").connect() as connection:
        connection.execute(text(OWN))
        connection.commit()
        assert connection.execute(text("select count(*) from usage")).scalar() == 0


def test_row_security_cannot_be_switched_off(shop: Database) -> None:
    with pytest.raises(SQLAlchemyError, match="affected by row-level security"):
        attempt(shop, "app", "set local row_security = off", "select * from usage")


def test_the_administrator_sees_every_account(shop: Database) -> None:
    rows = attempt(shop, "pgadmin", "select account from usage order by 1")
    assert rows == [("anna",), ("bert",)]


def test_a_statement_in_a_value_is_only_a_value(shop: Database) -> None:
    with shop.engine("app").connect() as connection:
        found = connection.execute(
            text("select count(*) from sensors where name = :name"),
            {"name": "n'; drop table readings; --"},
        ).scalar()
    assert found == 0
    assert attempt(shop, "app", "select count(*) from readings") == [(1,)]
