"""How each test of a suite did over its latest runs: how often it failed, and how long it took."""

from __future__ import annotations

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from timestack.models.results import Run, Statistic

# Files of a suite that count: the latest ones.
RUNS = 50

# A test that was skipped neither passed nor failed. Of equal times the later file comes later.
COUNT = text("""
    with runs as (
        select file_id, time from test_runs
         where host = :host and suite = :suite
         order by time desc, file_id desc limit :runs
    ), ran as (
        select name, outcome, seconds, results.time,
               outcome <> 'passed' as bad,
               row_number() over later as latest,
               lead(outcome <> 'passed') over later as bad_before
          from test_results as results
          join runs using (file_id, time)
         where host = :host and suite = :suite and outcome <> 'skipped'
           and results.time >= (select min(time) from runs)
        window later as (partition by name order by results.time desc, file_id desc, number desc)
    )
    insert into test_statistics
           (host, suite, name, runs, failures, flips, seconds_mean, seconds_max, outcome, last_at)
    select :host, :suite, name, count(*), count(*) filter (where bad),
           count(*) filter (where bad <> bad_before), avg(seconds), max(seconds),
           max(outcome) filter (where latest = 1), max(time)
      from ran group by name
""")


def refresh(session: Session, host: str, suite: str) -> None:
    """Count the statistics of a suite from its results, whatever they were before."""
    key = func.hashtextextended(f"timestack:statistics:{host}:{suite}", 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))
    session.execute(
        delete(Statistic)
        .where(Statistic.host == host, Statistic.suite == suite)
        .execution_options(synchronize_session=False)
    )
    session.execute(COUNT, {"host": host, "suite": suite, "runs": RUNS})


def of_file(session: Session, file_id: int) -> None:
    """Count those of the suites of a file."""
    suites = select(Run.host, Run.suite).where(Run.file_id == file_id).distinct()
    for host, suite in sorted(map(tuple, session.execute(suites))):
        refresh(session, host, suite)
