"""Keeping rollups up to date.

On the Apache-2 edition statement-level triggers record which time ranges of a hypertable changed;
``refresh`` takes them and computes exactly those buckets again, each level from the one below.
On the Community edition the rollups are continuous aggregates with policies; ``refresh`` has their
jobs run now. Names and columns are the same on both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.db import autocommit
from timestack.progress import Progress, unwatched
from timestack.series import catalog, functions, policies, uploaded
from timestack.series.edition import edition
from timestack.series.sql import fill


def refresh(
    session: Session,
    name: str,
    hypertable: catalog.Hypertable,
    *,
    full: bool = False,
    progress: Progress = unwatched,
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
        if full:
            return _refresh_everything(session, tables, hypertable.retention, progress)
        return _run_policies(session, tables, progress)
    since = None
    if hypertable.lateness and not full:
        since = datetime.now(UTC) - hypertable.lateness
    ranges = session.scalar(
        text(f"select timestack.{functions.TAKE_CHANGES}(:name, :since)::text"),
        {"name": name, "since": since},
    )
    written: dict[str, int] = {}
    for number, table in enumerate(tables if ranges else ()):
        progress(number / len(tables), f"refreshing {table}")
        written[table] = session.scalar(
            text(fill("select timestack.{function}(cast(:ranges as tstzmultirange))",
                      function=functions.refresh(table))),
            {"ranges": ranges},
        )  # fmt: skip
    return written


def refresh_all(
    session: Session,
    progress: Progress = unwatched,
    *,
    declared: catalog.Catalog | None = None,
    full: bool = False,
) -> dict[str, dict[str, int]]:
    """Refresh the rollups of every declared hypertable and dataset, in the session's transaction.

    Where TimescaleDB has no policies for it, expired chunks are dropped as well.
    Returns the rows written by hypertable and rollup: ``{"readings": {"readings_1d": 9828}}``.
    """
    tables = uploaded.every(session, declared or catalog.current()).hypertables
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
    statement = fill("select timestack.{function}()", function=functions.drop_expired(name))
    return session.scalar(text(statement))


def _run_policies(session: Session, tables: list[str], progress: Progress) -> dict[str, int]:
    """Have the refresh policy of each level run now, one level after the other."""
    with autocommit(session.get_bind().engine) as connection:
        for number, table in enumerate(tables):
            progress(number / len(tables), f"refreshing {table}")
            policies.run(connection, table)
    return dict.fromkeys(tables, 0)


def _refresh_everything(
    session: Session, tables: list[str], retention: timedelta | None, progress: Progress
) -> dict[str, int]:
    """Refresh each level over all time, which only the owner may, and no transaction may hold.

    With a retention, from there on: computing a bucket again whose rows are gone would empty it.
    """
    since = datetime.now(UTC) - retention if retention else None
    with autocommit(session.get_bind().engine) as connection:
        for number, table in enumerate(tables):
            progress(number / len(tables), f"refreshing {table}")
            policies.run_beyond(connection, table, since)
    return dict.fromkeys(tables, 0)
