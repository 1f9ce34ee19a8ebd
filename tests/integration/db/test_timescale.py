"""What the Community edition is asked, and that its own scheduler does it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from scripts.provision import apply as applying
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.series import catalog, policies, rollups

pytestmark = pytest.mark.database


@pytest.mark.parametrize("full", [False, True], ids=["due", "full"])
def test_each_level_is_refreshed_beside_the_session_of_a_job(
    database: Database, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """A job's session is bound to the connection that holds its lock, not to the engine."""
    done: list[tuple[str, bool]] = []

    def record(connection: Connection, rollup: str, *_: object) -> None:
        done.append((rollup, connection.connection.dbapi_connection.autocommit))

    monkeypatch.setattr(rollups, "edition", lambda connection: "timescale")
    monkeypatch.setattr(policies, "run_beyond" if full else "run", record)
    declared = catalog.load(SCHEMA_FILE)
    with database.engine("owner").connect() as connection, Session(connection) as session:
        rollups.refresh_all(session, declared=declared, full=full)
    tables = [
        *("readings_1h", "readings_1d", "prices_daily_7d", "prices_daily_28d"),
        *("test_runs_1h", "test_runs_1d", "operations_total_1d"),
    ]
    assert done == [(table, True) for table in tables]


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(("role", "full"), [("app", False), ("owner", False), ("owner", True)])
def test_a_job_s_session_has_every_level_refreshed(
    database: Database, role: str, full: bool
) -> None:
    """By the scheduler for the application, which owns no policy, and at once for the owner."""
    database.provision()
    database.sql(
        "insert into sensors (type, location, name, unit) values ('t', 'l', 'n', 'u');"
        "insert into readings values ('2024-01-01 10:00', 1, 5), ('2024-01-01 11:00', 1, 7)"
    )
    with database.engine(role).connect() as connection, Session(connection) as session:
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE), full=full)
    assert database.sql("select n, value_sum from readings_1h order by bucket") == "1|5\n1|7"
    assert database.sql("select n, value_sum from readings_1d") == "2|12"


@pytest.mark.editions("timescale")
def test_a_full_refresh_keeps_the_buckets_whose_rows_are_past_the_retention(
    database: Database,
) -> None:
    database.provision()
    declared = catalog.parse(
        "hypertables:\n"
        "  readings:\n"
        "    time: time\n"
        "    chunk_interval: 10 days\n"
        "    unique: [sensor_id, time desc]\n"
        "    lateness: 10 days\n"
        "    retention: 60 days\n"
        "    rollups: [{keys: [sensor_id], values: [value], levels: [1 day]}]\n"
        "    grants: {timestack_app: [select, insert]}\n"
    )
    database.sql(
        "alter table readings drop constraint readings_sensor_id_fkey; insert into readings"
        " select now() - n * interval '1 day', 1, n from generate_series(1, 100) n"
    )
    engine = database.engine()
    applying.apply(declared, engine, allow_destructive=True)

    def refresh_fully() -> int:
        with engine.connect() as connection, Session(connection) as session:
            rollups.refresh_all(session, declared=declared, full=True)
        return int(database.sql("select count(*) from readings_1d"))

    before = refresh_fully()
    database.sql("select drop_chunks('readings', older_than => interval '60 days')")
    database.sql("update readings set value = value + 1")
    assert refresh_fully() == before


@pytest.mark.editions("timescale")
def test_a_rollup_without_a_policy_is_named_with_what_makes_it(database: Database) -> None:
    database.provision()
    database.sql("select remove_continuous_aggregate_policy('readings_1d')")
    with pytest.raises(AssertionError, match="readings_1d has no refresh policy: run make apply"):
        database.sql("select timestack.run_refresh_policy('readings_1d')")
