"""docs/make-it-yours.md followed to the letter, in a copy of the tree, on a fresh database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.guide import GUIDE, ROOT, VERSIONS, WHOLE, Copy, follow, line

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

# What the guide says of the endpoint, the job and the model, asked of its code on a database.
ASK = """
from tests.unit.web.conftest import signed_in
from timestack.app import create_app
client = signed_in(create_app())
for meter in ("a", "no-such"):
    answer = client.get(f"/api/v1/power/{meter}")
    print(answer.status_code, answer.get_json().get("watts"))
"""
WORK = """
from timestack import db
from timestack.settings import Settings
from timestack.tasks import power
from timestack.domains import jobs
db.init(Settings.load(), application_name="test")
with db.session() as session:
    result = power.audit(session, lambda *_: None, jobs.Params())
    print(sorted(set(jobs.KINDS) & {"power.audit"}), result)
"""
COMPARE = """
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from timestack import db
from timestack.models import Base
from timestack.settings import Settings
db.init(Settings.load(), application_name="test")
with db.session() as session:
    context = MigrationContext.configure(session.connection())
    print([each for each in compare_metadata(context, Base.metadata) if "power" in repr(each)])
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, make_database) -> Copy:
    return follow(tmp_path_factory.mktemp("yours"), make_database())


def test_the_guide_has_a_migration_a_model_a_page_a_job_and_an_endpoint() -> None:
    assert [file.rpartition("/")[0] for file, _, _ in WHOLE.findall(GUIDE)] == [
        VERSIONS,
        *(f"services/web/timestack/{kind}" for kind in ("models", "dash", "tasks", "api")),
    ]


def test_its_migration_follows_the_newest() -> None:
    newest = max(path.name[:4] for path in (ROOT / VERSIONS).glob("[0-9]*.py"))
    assert line("down_revision = ") == f'down_revision = "{newest}"'
    assert line("revision = ") == f'revision = "{int(newest) + 1:04}"'
    assert f"{VERSIONS}/{int(newest) + 1:04}_power.py" in GUIDE


def test_its_code_passes_the_linter(copy: Copy) -> None:
    files = [file for file, _, _ in WHOLE.findall(GUIDE)]
    files += [
        f"services/web/timestack/{file}.py"
        for file in ("models/__init__", "dash/__init__", "tasks/every", "api/__init__")
    ]
    copy.run("-m", "ruff", "check", *files)
    copy.run("-m", "ruff", "format", "--check", *files)


@pytest.fixture(scope="module")
def differences(copy: Copy) -> str:
    """Between the model and what the migration made, before the hypertable's own indexes."""
    copy.provision("roles")
    copy.provision("migrate")
    return copy.run("-c", COMPARE, **copy.reach)


@pytest.fixture(scope="module")
def applied(copy: Copy, differences: str) -> Copy:
    """With an hour of power in it, two rows of one meter and one of another, and fresh rollups."""
    copy.provision("apply")
    copy.database.sql(
        "insert into power values ('2024-01-01 10:00Z', 'a', 100), ('2024-01-01 10:30Z', 'a', 300),"
        " ('2024-01-01 10:30Z', 'b', 50)"
    )
    copy.provision("refresh")
    return copy


def test_its_model_is_what_its_migration_makes(differences: str) -> None:
    assert differences == "[]\n"


def test_its_entry_is_applied_and_leaves_no_drift(applied: Copy) -> None:
    applied.provision("drift")


def test_its_rollups_have_the_names_and_columns_that_it_tells(applied: Copy) -> None:
    chapter = " ".join(
        GUIDE.partition("The rollups are the tables")[2].partition("Editors")[0].split()
    )
    tables = re.findall(r"`(power_\w+)`", chapter)
    assert len(tables) == 4
    values = re.findall(r"`(watts_\w+)`", chapter)
    for table in tables:
        keys = [] if "total" in table else ["meter"]
        shown = applied.database.sql(
            "select string_agg(column_name, ' ' order by ordinal_position)"
            f" from information_schema.columns where table_name = '{table}'"
        )
        assert set(shown.split()) == {"bucket", *keys, "n", *values}, table
    mean = applied.database.sql("select watts_sum / watts_n from power_1h where meter = 'a'")
    assert mean == "200"


def test_its_endpoint_answers_for_a_meter_and_for_none(applied: Copy) -> None:
    shown = applied.run("-c", ASK, **{**applied.reach, "DATABASE_ROLE": "timestack_app"})
    assert shown == "200 300.0\n404 None\n"


def test_its_job_is_known_and_counts_the_meters(applied: Copy) -> None:
    shown = applied.run("-c", WORK, **{**applied.reach, "DATABASE_ROLE": "timestack_app"})
    assert shown == "['power.audit'] {'meters': 2}\n"


def test_the_suite_s_walk_of_the_routes_takes_its_endpoint_too(copy: Copy) -> None:
    walk = "test_a_stranger_is_refused_by_every_route_that_is_not_on_the_list"
    assert "2 passed" in copy.run("-m", "pytest", "-q", f"tests/unit/web/test_gate.py::{walk}")


def test_sensors_and_readings_are_made_as_it_tells(applied: Copy, tmp_path: Path) -> None:
    statement = re.search(r"<<'SQL'\n(.+?)SQL\n", GUIDE, re.DOTALL)[1]
    assert applied.database.sql(statement) == "1|north wall\n2|south wall"
    shown = dict(zip(("sensors", "readings"), re.findall(r"file of `(\S+)`", GUIDE), strict=True))
    for table, row in (("sensors", "wind,roof,mast,m/s"), ("readings", "2024-01-01 00:00Z,3,4.5")):
        file = tmp_path / f"{table}.csv"
        file.write_text(f"{shown[table]}\n{row}\n")
        applied.run("-m", "scripts.provision.load", str(file), "--table", table, **applied.reach)
    assert applied.database.sql(
        "select name, value from readings join sensors on id = sensor_id"
    ) == ("mast|4.5")


def test_its_role_is_declared_wherever_it_has_to_be(copy: Copy) -> None:
    assert " passed" in copy.run("-m", "pytest", "-q", "tests/unit/test_roles.py")


@pytest.fixture
def tool(applied: Copy) -> Iterator[psycopg2.extensions.connection]:
    """The other tool's session."""
    server = applied.database.server
    connection = psycopg2.connect(
        host="localhost",
        port=server.port,
        dbname=applied.database.name,
        user="timestack_bi",
        password=(server.secrets / "db_bi_password").read_text().strip(),
        sslmode="verify-full",
        sslrootcert=server.secrets / "ca.pem",
    )
    connection.autocommit = True
    yield connection
    connection.close()


def test_its_role_reads_what_it_is_granted(tool: psycopg2.extensions.connection) -> None:
    with tool.cursor() as cursor:
        cursor.execute("select sum(watts) from power")
        assert cursor.fetchone() == (450,)
        cursor.execute("select sum(watts_sum) from power_1d")
        assert cursor.fetchone() == (450,)


def test_its_role_reads_nothing_else(applied: Copy, tool: psycopg2.extensions.connection) -> None:
    tables = applied.database.sql(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind in ('r', 'p', 'v') and relname not like 'power%'"
    ).split()
    assert {"readings", "readings_1d", "users", "logins", "usage"} <= set(tables)
    for table in tables:
        with tool.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f'select from "{table}"')


def test_its_role_writes_nothing_and_has_a_minute(tool: psycopg2.extensions.connection) -> None:
    with tool.cursor() as cursor:
        cursor.execute("show statement_timeout")
        assert cursor.fetchone() == ("1min",)
        insert = "insert into power values (now(), 'a', 1)"
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute(insert)
        cursor.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(insert)
