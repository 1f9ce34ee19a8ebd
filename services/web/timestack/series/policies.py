"""The Community edition's own jobs: which one keeps a rollup, and having it run now."""

from __future__ import annotations

import time
from datetime import datetime

from psycopg2.errorcodes import LOCK_NOT_AVAILABLE
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import OperationalError

from timestack.series.functions import RUN_REFRESH_POLICY
from timestack.series.sql import fill, relation

# A continuous aggregate's job names the hypertable under the aggregate, and since TimescaleDB 2.20
# the aggregate itself.
JOBS = """
(select j.job_id, j.proc_name, j.owner, j.schedule_interval, j.config,
        case coalesce(c.view_schema, j.hypertable_schema) when 'public' then '' else 'datasets.' end
         || coalesce(c.view_name, j.hypertable_name) as table
   from timescaledb_information.jobs j
   left join timescaledb_information.continuous_aggregates c
     on c.materialization_hypertable_schema = j.hypertable_schema
    and c.materialization_hypertable_name = j.hypertable_name
  where coalesce(c.view_schema, j.hypertable_schema) in ('public', 'datasets')) as jobs"""
REFRESH = "policy_refresh_continuous_aggregate"

OWN_JOB = text(
    fill(
        """
select job_id from {sql_jobs}
 where "table" = :rollup and proc_name = :kind and pg_has_role(owner, 'usage')
""",
        sql_jobs=JOBS,
    )
)
JOB_STATE = text(
    """
    select last_run_started_at >= :asked and last_successful_finish >= last_run_started_at as done,
           last_run_started_at >= :asked and last_run_status = 'Failed' as failed
      from timescaledb_information.job_stats where job_id = :job
    """
)
# How long one job may take before the refresh is reported as failed.
SECONDS = 3600.0
# Seconds between two checks for its end.
PERIOD = 0.5


def run(connection: Connection, rollup: str) -> None:
    """Have a rollup's refresh policy run now and wait for its end.

    The job's owner runs it here and now; for others TimescaleDB's scheduler does, which takes some
    seconds to see that it is due. ``connection`` is in autocommit, since a refresh commits as it
    goes and the scheduler sees what is committed.

    Raises RuntimeError when the job failed, and TimeoutError after an hour.
    """
    own = connection.scalar(OWN_JOB, {"rollup": rollup, "kind": REFRESH})
    if own is not None:
        _call(connection, text("call run_job(:job)"), job=own)
        return
    asked = connection.scalar(text("select clock_timestamp()"))
    statement = text(f"select timestack.{RUN_REFRESH_POLICY}(:table)")
    job = connection.scalar(statement, {"table": rollup})
    _wait(connection, job, asked, rollup)


def run_beyond(connection: Connection, rollup: str, since: datetime | None) -> None:
    """Refresh a rollup beyond its policy, from ``since`` on or whole, which only its owner may.

    ``connection`` is in autocommit. Raises TimeoutError after an hour.
    """
    statement = text(
        "call refresh_continuous_aggregate(:rollup, cast(:since as timestamptz), null)"
    )
    _call(connection, statement, rollup=relation(rollup), since=since)


def _call(connection: Connection, statement: TextClause, **values: object) -> None:
    """Run a refresh, after the scheduler's own of the same rollup if that is running."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            connection.execute(statement, values)
            return
        except OperationalError as error:
            if error.orig.pgcode != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"another refresh took more than {SECONDS:.0f} s") from error
        time.sleep(PERIOD)


def _wait(connection: Connection, job: int, asked: datetime, rollup: str) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        state = connection.execute(JOB_STATE, {"asked": asked, "job": job}).one_or_none()
        if state and state.done:
            return
        if state and state.failed:
            raise RuntimeError(
                f"job {job}, which refreshes {rollup}, failed: "
                "see timescaledb_information.job_errors"
            )
        time.sleep(PERIOD)
    raise TimeoutError(f"job {job}, which refreshes {rollup}, took more than {SECONDS:.0f} s")
