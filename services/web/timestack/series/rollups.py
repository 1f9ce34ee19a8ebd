"""Keeping rollups up to date.

On the Apache-2 edition statement-level triggers record which time ranges of a hypertable changed;
``refresh`` takes them and computes exactly those buckets again, each level from the one below.
On the Community edition the rollups are continuous aggregates with policies; ``refresh`` has their
jobs run now. Names and columns are the same on both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from timestack.series import catalog
from timestack.series.edition import edition
from timestack.series.sql import fill

Progress = Callable[[float, str], None]


def refresh(
    session: Session,
    name: str,
    hypertable: catalog.Hypertable,
    *,
    full: bool = False,
    progress: Progress = lambda fraction, message: None,
) -> dict[str, int]:
    """Bring all rollups of one hypertable up to date in the session's transaction.

    ``full`` also reaches changes older than the table's lateness. ``progress`` is called with a
    fraction from 0 to 1 and a sentence. Returns the number of rows written per rollup table, empty
    when nothing had changed. Two refreshes of one table: the second waits for the first.
    """
    tables = [table for rollup in hypertable.rollups for table in rollup.tables(name).values()]
    if not tables:
        return {}
    if edition(session.connection()) == "timescale":
        run = _refresh_everything if full else _run_policies
        return run(session, tables, progress)
    since = None
    if hypertable.lateness and not full:
        since = datetime.now(UTC) - hypertable.lateness
    ranges = session.scalar(
        text("select timestack.take_changes(:name, :since)::text"), {"name": name, "since": since}
    )
    written: dict[str, int] = {}
    for number, table in enumerate(tables if ranges else ()):
        progress(number / len(tables), f"refreshing {table}")
        written[table] = session.scalar(
            text(fill("select timestack.{function}(cast(:ranges as tstzmultirange))",
                      function=f"refresh_{table}")),
            {"ranges": ranges},
        )  # fmt: skip
    return written


def refresh_all(
    session: Session,
    progress: Progress = lambda fraction, message: None,
    *,
    declared: catalog.Catalog | None = None,
    full: bool = False,
) -> dict[str, dict[str, int]]:
    """Refresh the rollups of every declared hypertable, in the session's transaction.

    Where TimescaleDB has no policies for it, expired chunks are dropped as well.
    Returns the rows written by hypertable and rollup: ``{"readings": {"readings_1d": 9828}}``.
    """
    tables = (declared or catalog.current()).hypertables
    result: dict[str, dict[str, int]] = {}
    for number, (name, hypertable) in enumerate(tables.items()):

        def part(fraction: float, message: str, number: int = number) -> None:
            progress((number + fraction) / len(tables), message)

        result[name] = refresh(session, name, hypertable, full=full, progress=part)
        drop_expired(session, name, hypertable)
    progress(1.0, "rollups are up to date")
    return result


def drop_expired(session: Session, name: str, hypertable: catalog.Hypertable) -> int:
    """Drop chunks older than the retention; returns how many. Rollups keep their buckets.

    On the Community edition a policy does so, and this does nothing.
    """
    if hypertable.retention is None or edition(session.connection()) == "timescale":
        return 0
    statement = fill("select timestack.{function}()", function=f"drop_expired_{name}")
    return session.scalar(text(statement))


# How long one level's job may take before the refresh is reported as failed.
POLICY_SECONDS = 3600.0

JOB_STATE = text(
    """
    select last_run_started_at >= :asked and last_successful_finish >= last_run_started_at as done,
           last_run_started_at >= :asked and last_run_status = 'Failed' as failed
      from timescaledb_information.job_stats where job_id = :job
    """
)


def _run_policies(session: Session, tables: list[str], progress: Progress) -> dict[str, int]:
    """Have the refresh policy of each level run now, one level after the other.

    The scheduler sees a job's new start only once it is committed, hence the own connection.
    """
    with session.get_bind().connect() as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        for number, table in enumerate(tables):
            progress(number / len(tables), f"refreshing {table}")
            asked = connection.scalar(text("select clock_timestamp()"))
            job = connection.scalar(
                text("select timestack.run_refresh_policy(:table)"), {"table": table}
            )
            _wait(connection, job, asked, table)
    return dict.fromkeys(tables, 0)


def _refresh_everything(session: Session, tables: list[str], progress: Progress) -> dict[str, int]:
    """Refresh each level over all time, which only the owner may, and no transaction may hold."""
    with session.get_bind().connect() as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        for number, table in enumerate(tables):
            progress(number / len(tables), f"refreshing {table}")
            connection.execute(
                text("call refresh_continuous_aggregate(:table, null, null)"),
                {"table": f"public.{table}"},
            )
    return dict.fromkeys(tables, 0)


def _wait(connection: Connection, job: int, asked: datetime, table: str) -> None:
    deadline = time.monotonic() + POLICY_SECONDS
    while time.monotonic() < deadline:
        state = connection.execute(JOB_STATE, {"asked": asked, "job": job}).one_or_none()
        if state and state.done:
            return
        if state and state.failed:
            raise RuntimeError(
                f"job {job}, which refreshes {table}, failed: "
                "see timescaledb_information.job_errors"
            )
        time.sleep(0.5)
    raise TimeoutError(f"job {job}, which refreshes {table}, took more than {POLICY_SECONDS:.0f} s")
