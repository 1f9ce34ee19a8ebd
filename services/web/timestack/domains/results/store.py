"""Results in the database: those of a file replace what the file held before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Session

from timestack.domains.results import statistics
from timestack.domains.results.outcome import LONGEST_SUITE, Result, Suite, fitted
from timestack.models.results import Result as Row
from timestack.models.results import Run


@dataclass(frozen=True)
class Place:
    """Whose the results of a file are: ``run`` is the run's name, ``suite`` that of a nameless
    suite, ``modified`` (UTC) the time of one without a start."""

    file_id: int
    host: str
    run: str
    run_tag: str
    suite: str
    modified: datetime


def replace(session: Session, place: Place, suites: Iterable[Suite]) -> None:
    """Store the suites of a file instead of those that it had."""
    forget(session, Run.file_id == place.file_id, Row.file_id == place.file_id)
    number = 0
    for name, started, results in _named(suites, place):
        shared = {
            "time": started or place.modified,
            "host": place.host,
            "suite": name,
            "file_id": place.file_id,
        }
        session.execute(
            insert(Run).values(**shared, run=place.run, run_tag=place.run_tag, **_sums(results))
        )
        rows = [
            {
                **shared,
                "number": number + count,
                "name": each.name,
                "outcome": each.outcome,
                "seconds": each.seconds,
                "message": each.message,
            }
            for count, each in enumerate(results, 1)
        ]
        number += len(results)
        session.execute(insert(Row), rows)


def forget(session: Session, of_runs: ColumnElement[bool], of_results: ColumnElement[bool]) -> None:
    """Delete runs and their results, and count the statistics of their suites again."""
    suites = session.execute(select(Run.host, Run.suite).where(of_runs).distinct()).all()
    if not suites:
        return
    session.execute(delete(Row).where(of_results).execution_options(synchronize_session=False))
    session.execute(delete(Run).where(of_runs).execution_options(synchronize_session=False))
    # In one order everywhere: two that wait for each other would wait forever.
    for host, suite in sorted(map(tuple, suites)):
        statistics.refresh(session, host, suite)


def _named(
    suites: Iterable[Suite], place: Place
) -> list[tuple[str, datetime | None, list[Result]]]:
    """Name, start and results of each suite; those of one name are one."""
    merged: dict[str, Suite] = {}
    for each in suites:
        name = fitted(each.name, LONGEST_SUITE) or place.suite
        one = merged.setdefault(name, Suite(name))
        one.started = min(filter(None, (one.started, each.started)), default=None)
        one.results += each.results
    return [(name, each.started, each.results) for name, each in merged.items()]


def _sums(results: Sequence[Result]) -> dict[str, int | float | None]:
    counts = Suite(results=list(results)).counts()
    passed, failed, errors = counts["passed"], counts["failed"], counts["error"]
    ran = passed + failed + errors
    return {
        "passed": passed,
        "failed": failed,
        "errors": errors,
        "skipped": counts["skipped"],
        "seconds": min(sum(each.seconds or 0.0 for each in results), 1e9),
        "pass_rate": 100 * passed / ran if ran else None,
    }
