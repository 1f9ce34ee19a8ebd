"""What is read of the stack: each reader is given a budget and returns metrics, seconds and bytes.

To add one: a function here and its name in READERS. Labels are names that are declared somewhere
(kinds, queues, tables of hypertables.yaml); whatever else there is goes by OTHER or DATASET.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import func, select

from timestack import queue
from timestack.domains import certificates, drills
from timestack.domains.jobs.kinds import KINDS
from timestack.domains.operations import backups, reach, tables, volume
from timestack.domains.operations import queue as waiting
from timestack.domains.operations.budget import Budget
from timestack.exporter.stack import Reader
from timestack.models.imports import Import
from timestack.series import catalog
from timestack.settings import secrets_dir

OTHER, DATASET = "other", "dataset"
STATES = ("queued", "running", "failed")


def jobs(budget: Budget) -> Iterator[Metric]:
    """Jobs by kind: those that are queued or run, and those that failed in the last day."""
    counts = Counter()
    with budget.step() as session:
        for kind, state, number in session.execute(waiting.by_kind()):
            counts[kind if kind in KINDS else OTHER, state] += number
    found = GaugeMetricFamily(
        "timestack_jobs",
        "Jobs that are queued or run, and that failed in the last day.",
        labels=("kind", "state"),
    )
    for kind in (*KINDS, OTHER):
        for state in STATES:
            found.add_metric((kind, state), counts[kind, state])
    yield found


def queues(budget: Budget) -> Iterator[Metric]:
    """How many jobs of each queue wait for a worker alone, and for how long the first one has."""
    due, oldest = Counter(), defaultdict(float)
    for kind, count, seconds in waiting.due_by_kind(budget):
        name = KINDS[kind].queue if kind in KINDS else OTHER
        due[name] += count
        oldest[name] = max(oldest[name], seconds)
    depth = GaugeMetricFamily(
        "timestack_queue_due", "Jobs that wait for a worker alone.", labels=("queue",)
    )
    age = GaugeMetricFamily(
        "timestack_queue_oldest_seconds",
        "Seconds for which the first of them waits.",
        labels=("queue",),
    )
    for name in (*queue.WORK, OTHER):
        depth.add_metric((name,), due[name])
        age.add_metric((name,), oldest[name])
    yield depth
    yield age


def schedules(budget: Budget) -> Iterator[Metric]:
    """By how much the latest schedule is late: beat, which looks each second, does not work."""
    with budget.step() as session:
        late, _ = waiting.latest(session)
    yield GaugeMetricFamily(
        "timestack_schedule_late_seconds", "Seconds by which the latest schedule is late.", late
    )


def rollups(budget: Budget) -> Iterator[Metric]:
    """How far the rollups of declared tables are behind their rows."""
    lag = GaugeMetricFamily(
        "timestack_rollup_lag_seconds",
        "Seconds of the newest rows that a table's rollups do not show.",
        labels=("table",),
    )
    late = GaugeMetricFamily(
        "timestack_rollup_late", "1 where that is more than two buckets.", labels=("table",)
    )
    for name, declared in catalog.current().hypertables.items():
        found = reach.read(budget, name, declared)
        if found.behind is not None:
            lag.add_metric((name,), max(0.0, found.behind.total_seconds()))
            late.add_metric((name,), found.state != "good")
    yield lag
    yield late
    with budget.step() as session:
        seconds = session.scalar(tables.refreshed_ago())
    if seconds is not None:
        yield GaugeMetricFamily(
            "timestack_rollups_refreshed_age_seconds",
            "Seconds since the rollups were refreshed last.",
            float(seconds),
        )


def loads(budget: Budget) -> Iterator[Metric]:
    """Rows that were loaded from files, by table; those of all datasets together."""
    asked = select(Import.table_name, func.count(), func.sum(Import.rows)).group_by(
        Import.table_name
    )
    with budget.step() as session:
        found = session.execute(asked).all()
    declared = {*catalog.current().hypertables, *catalog.current().tables}
    files, rows = Counter(), Counter()
    for table, number, total in found:
        name = table if table in declared else DATASET
        files[name] += number
        rows[name] += int(total)
    for name, text, counts in (
        ("timestack_loads", "Files that were loaded.", files),
        ("timestack_load_rows", "Rows that were loaded from files.", rows),
    ):
        metric = CounterMetricFamily(name, text, labels=("table",))
        for table, number in counts.items():
            metric.add_metric((table,), number)
        yield metric


def disk(budget: Budget) -> Iterator[Metric]:
    """The volume of the database; nothing where its health check has not seen it."""
    try:
        seen = volume.read(budget)
    except volume.UnknownError:
        return
    yield GaugeMetricFamily(
        "timestack_database_volume_bytes", "Bytes of the database's volume.", seen.total
    )
    yield GaugeMetricFamily(
        "timestack_database_volume_free_bytes", "Those that are free.", seen.free
    )


def ends(budget: Budget) -> Iterator[Metric]:
    """When the stack's own certificates end; no statement of the budget is run."""
    found = GaugeMetricFamily(
        "timestack_certificate_end_timestamp_seconds",
        "When a certificate ends, in seconds since 1970.",
        labels=("certificate",),
    )
    for each in certificates.endings(secrets_dir(), datetime.now(UTC)):
        found.add_metric((each.name,), each.ends.timestamp())
    yield found


def archive(budget: Budget) -> Iterator[Metric]:
    """What there is of backups; nothing where nothing is archived."""
    with budget.step() as session:
        found = backups.figures(session)
    for name, text in (
        ("newest_age_seconds", "Seconds since the newest backup."),
        ("archive_age_seconds", "Seconds for which what was written is in no archive, at most."),
        ("archive_failed", "1 where the archive of WAL fails."),
        ("verify_failed", "1 where the last look at the repository found damage, or failed."),
        ("repository_bytes", "Bytes of the repository."),
    ):
        if name in found:
            yield GaugeMetricFamily(f"timestack_backup_{name}", text, found[name])


def drill(budget: Budget) -> Iterator[Metric]:
    """How long ago a backup was last restored for a try, and whether the last one was the same."""
    with budget.step() as session:
        now = session.scalar(select(func.now()))
        last, good = drills.last(session), drills.last_good(session)
    if good is not None:
        yield GaugeMetricFamily(
            "timestack_drill_age_seconds",
            "Seconds since the last drill that found every row.",
            (now - good).total_seconds(),
        )
    if last is not None:
        yield GaugeMetricFamily(
            "timestack_drill_failed",
            "1 where the last drill did not find every row.",
            float(last.outcome != "same"),
        )


READERS: tuple[Reader, ...] = (
    jobs,
    queues,
    schedules,
    rollups,
    loads,
    disk,
    ends,
    archive,
    drill,
)
