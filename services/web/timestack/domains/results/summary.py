"""What a reader wants to know of a suite: its latest runs, its failing, slow and flaky tests."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from timestack.models.results import FAILURES, Result, Run, Statistic

# A test that failed once and was repaired is not flaky: its outcome changed twice.
FEWEST_FLIPS = 2


def suites(session: Session) -> list[tuple[str, str]]:
    """Return (host, suite) of every run there is, in alphabetical order."""
    rows = session.execute(select(Run.host, Run.suite).distinct())
    return sorted(map(tuple, rows))


def runs(session: Session, host: str, suite: str, limit: int) -> Sequence[Run]:
    """Return the latest runs, latest first; what is of one file is a run."""
    return session.scalars(
        select(Run)
        .where(Run.host == host, Run.suite == suite)
        .order_by(Run.time.desc(), Run.file_id.desc())
        .limit(limit)
    ).all()


def failures(session: Session, run: Run, limit: int) -> Sequence[Result]:
    """Return the tests of a run that failed, in the order of the file."""
    return session.scalars(
        select(Result)
        .where(
            Result.file_id == run.file_id,
            Result.time == run.time,
            Result.suite == run.suite,
            Result.outcome.in_(FAILURES),
        )
        .order_by(Result.number)
        .limit(limit)
    ).all()


def slowest(session: Session, host: str, suite: str, limit: int) -> Sequence[Statistic]:
    """Return the tests that take longest, by the mean of their latest runs."""
    return _statistics(
        session,
        host,
        suite,
        Statistic.seconds_mean.is_not(None),
        order=[Statistic.seconds_mean.desc()],
        limit=limit,
    )


def flakiest(session: Session, host: str, suite: str, limit: int) -> Sequence[Statistic]:
    """Return the tests that went from passed to failed or back most often."""
    return _statistics(
        session,
        host,
        suite,
        Statistic.flips >= FEWEST_FLIPS,
        order=[Statistic.flips.desc(), Statistic.failures.desc()],
        limit=limit,
    )


def _statistics(
    session: Session, host: str, suite: str, *conditions, order: list, limit: int
) -> Sequence[Statistic]:
    return session.scalars(
        select(Statistic)
        .where(Statistic.host == host, Statistic.suite == suite, *conditions)
        .order_by(*order, Statistic.name)
        .limit(limit)
    ).all()
