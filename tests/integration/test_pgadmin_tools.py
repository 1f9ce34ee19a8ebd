"""pgAdmin's Backup, Restore and Import/Export work, and say so where they may not read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.pgadmin import PgAdmin
from tests.stack import ADMIN_EMAIL, Stack

pytestmark = pytest.mark.stack

# Where pgAdmin keeps the files of the first administrator.
STORAGE = f"/var/lib/pgadmin/storage/{ADMIN_EMAIL.replace('@', '_')}"
TABLE = {"schema": "public", "table": "tracked_files"}
CSV = {"format": "csv", "header": True, "delimiter": ",", "quote": '"', "escape": '"'}


@pytest.fixture
def pgadmin(stack: Stack) -> PgAdmin:
    return PgAdmin(stack.http)


@pytest.fixture
def name(stack: Stack) -> Iterator[str]:
    """The name of a file that is not there yet, in the administrator's storage."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    stack.exec("pgadmin", "rm", "-f", f"{STORAGE}/{name}")


@pytest.fixture
def tracked(stack: Stack) -> Iterator[list[tuple[str, ...]]]:
    """A row of a table that has an identity column, before anything was done to it."""
    stack.sql(
        "insert into tracked_files (owner, site, host, path, size, modified_at)"
        " values ('ann', 'lab', 'h1', '/data/a \"b\",c.csv', 7, '2024-01-01')"
    )
    yield rows(stack)
    stack.sql("delete from tracked_files")


def rows(stack: Stack) -> list[tuple[str, ...]]:
    return stack.sql("select * from tracked_files")


def content(stack: Stack, name: str) -> str:
    done = stack.exec("pgadmin", "cat", f"{STORAGE}/{name}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_table_is_backed_up_and_its_rows_are_restored(
    stack: Stack, pgadmin: PgAdmin, name: str, tracked: list[tuple[str, ...]]
) -> None:
    table = {"table": [{"schema": "public", "name": "tracked_files"}]}
    code, output = pgadmin.run(
        *("backup", "job/%s/object"), file=f"/{name}", format="custom", objects=table
    )
    assert code == 0, output
    stack.sql("delete from tracked_files")
    code, output = pgadmin.run(
        *("restore", "job/%s"), file=f"/{name}", format="custom", only_data=True
    )
    assert code == 0, output
    assert rows(stack) == tracked


def test_a_table_is_exported_and_imported(
    stack: Stack, pgadmin: PgAdmin, name: str, tracked: list[tuple[str, ...]]
) -> None:
    job = ("import_export", "job/%s")
    code, output = pgadmin.run(*job, filename=f"/{name}", is_import=False, **TABLE, **CSV)
    assert code == 0, output
    stack.sql("delete from tracked_files")
    code, output = pgadmin.run(*job, filename=f"/{name}", is_import=True, **TABLE, **CSV)
    assert code == 0, output
    assert rows(stack) == tracked


def test_a_backup_of_a_hypertable_says_that_the_rows_are_not_in_it(
    pgadmin: PgAdmin, name: str
) -> None:
    table = {"table": [{"schema": "public", "name": "readings"}]}
    code, output = pgadmin.run(
        # As the dialog is when it opens.
        *("backup", "job/%s/object"),
        file=f"/{name}",
        format="custom",
        objects=table,
        verbose=True,
    )
    assert code == 0, output
    assert "no data will be copied" in output


def test_the_rows_of_a_hypertable_are_exported_by_a_query(
    stack: Stack, pgadmin: PgAdmin, name: str
) -> None:
    code, output = pgadmin.run(
        *("import_export", "job/%s"),
        filename=f"/{name}",
        is_import=False,
        is_query_export=True,
        query="select * from readings where sensor_id = 1",
        **CSV,
    )
    assert code == 0, output
    expected = stack.sql("select count(*) from readings where sensor_id = 1")
    assert (str(len(content(stack, name).splitlines()) - 1),) == expected[0]


def test_a_backup_of_everything_names_the_table_that_is_for_the_web_alone(
    pgadmin: PgAdmin, name: str
) -> None:
    code, output = pgadmin.run("backup", "job/%s/object", file=f"/{name}", format="custom")
    assert code != 0
    assert "permission denied for table" in output


def test_rows_of_accounts_are_backed_up_with_row_security(
    stack: Stack, pgadmin: PgAdmin, name: str
) -> None:
    code, output = pgadmin.run(
        *("backup", "job/%s/object"),
        file=f"/{name}",
        format="plain",
        objects={"table": [{"schema": "public", "name": "usage"}]},
        use_insert_commands=True,
        enable_row_security=True,
    )
    assert code == 0, output
    rows = stack.sql("select count(*) from usage")
    assert rows == [(str(content(stack, name).count("INSERT INTO public.usage")),)]
