"""What the Community edition is asked, as far as the other one can answer it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from scripts.provision import timescale
from scripts.provision.reading import POLICIES
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.series import catalog, policies, rollups

pytestmark = pytest.mark.database

# What the informational views hold of one continuous aggregate with a refresh policy.
STAND_IN = """
create schema stand_in;
create view stand_in.continuous_aggregates as
  select 'public' as view_schema, 'readings_1h' as view_name,
         '_timescaledb_internal' as materialization_hypertable_schema,
         '_materialized_hypertable_3' as materialization_hypertable_name;
create view stand_in.jobs as
  select 1007 as job_id, 'policy_refresh_continuous_aggregate' as proc_name,
         'timestack_owner'::name as owner,
         interval '5 minutes' as schedule_interval, '{schema}' as hypertable_schema,
         '{name}' as hypertable_name,
         jsonb '{{"start_offset": null, "end_offset": "@ 1 hour", "mat_hypertable_id": 3}}'
           as config
   union all
  select 1008, 'policy_refresh_continuous_aggregate', 'timestack_owner', interval '1 day',
         'another', 'readings_1h',
         jsonb '{{}}';
create function stand_in.run(rollup text) returns integer language plpgsql as
$body${run}$body$;
"""


@pytest.mark.parametrize(
    ("schema", "name"),
    [("_timescaledb_internal", "_materialized_hypertable_3"), ("public", "readings_1h")],
    ids=["until 2.19", "since 2.20"],
)
def test_the_job_of_a_rollup_is_found_by_whichever_name_it_goes(
    database: Database, schema: str, name: str
) -> None:
    def of_stand_in(sql: str) -> str:
        return sql.replace("timescaledb_information.", "stand_in.")

    run = of_stand_in(timescale.RUN_POLICY)
    database.sql(STAND_IN.format(schema=schema, name=name, run=run))
    assert database.sql(of_stand_in(POLICIES)).splitlines() == [
        "readings_1h|policy_refresh_continuous_aggregate|300.000000|"
        '{ "end_offset" : 3600.000000, "start_offset" : null }'
    ]
    # It comes as far as the function that this edition has not.
    with pytest.raises(AssertionError, match="license"):
        database.sql("select stand_in.run('readings_1h')")
    with pytest.raises(AssertionError, match="readings_1d has no refresh policy"):
        database.sql("select stand_in.run('readings_1d')")


@pytest.mark.parametrize("full", [False, True], ids=["due", "full"])
def test_each_level_is_refreshed_beside_the_session_of_a_job(
    database: Database, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """A job's session is bound to the connection that holds its lock, not to the engine."""
    done: list[tuple[str, bool]] = []

    def record(connection: Connection, rollup: str) -> None:
        done.append((rollup, connection.connection.dbapi_connection.autocommit))

    monkeypatch.setattr(rollups, "edition", lambda connection: "timescale")
    monkeypatch.setattr(policies, "run_over_all_time" if full else "run", record)
    declared = catalog.load(SCHEMA_FILE)
    with database.engine("owner").connect() as connection, Session(connection) as session:
        rollups.refresh_all(session, declared=declared, full=full)
    assert done == [
        (table, True)
        for table in ("readings_1h", "readings_1d", "prices_daily_7d", "prices_daily_28d")
    ]
