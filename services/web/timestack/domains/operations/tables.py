"""Hypertables: rows, size, chunks, the newest row, how far rollups have come, compression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select, text

from timestack.domains.operations import reach, words
from timestack.domains.operations.budget import Budget
from timestack.domains.operations.check import Check, Part, State
from timestack.domains.operations.thresholds import CHUNKS, REFRESH
from timestack.models.datasets import Dataset
from timestack.models.jobs import Job
from timestack.series import catalog, uploaded
from timestack.series.catalog import Hypertable
from timestack.series.edition import edition

NAME = "tables"

# Sizes are those that each backend remembers of the files, and rows the planner's estimate: neither
# looks into a chunk. Of a continuous aggregate, its own hypertable.
HYPERTABLES = text("""
    with found as (
      select h.hypertable_schema as schema, h.hypertable_name as name,
             format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass as relation,
             h.num_chunks as chunks
        from timescaledb_information.hypertables h
       where h.hypertable_schema not like '\\_timescaledb%'
       union all
      select c.view_schema, c.view_name,
             format('%I.%I', c.materialization_hypertable_schema,
                    c.materialization_hypertable_name)::regclass,
             (select count(*) from timescaledb_information.chunks k
               where k.hypertable_schema = c.materialization_hypertable_schema
                 and k.hypertable_name = c.materialization_hypertable_name)
        from timescaledb_information.continuous_aggregates c)
    select schema, name, chunks, hypertable_approximate_size(relation) as bytes,
           approximate_row_count(relation) as rows
      from found order by schema, name
""")
COMPRESSED = text("""
    select format('%I.%I', h.hypertable_schema, h.hypertable_name) as name,
           s.number_compressed_chunks as chunks, s.before_compression_total_bytes as before,
           s.after_compression_total_bytes as after
      from timescaledb_information.hypertables h,
           lateral hypertable_compression_stats(
             format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s
     where h.compression_enabled and h.hypertable_schema not like '\\_timescaledb%'
""")


@dataclass(frozen=True)
class Compressed:
    """The chunks of a hypertable that are in the columnstore, and what that saves, in bytes."""

    chunks: int
    before: int
    after: int

    def __str__(self) -> str:
        """In words."""
        saved = 1 - self.after / self.before if self.before else 0.0
        return f"{words.number(self.chunks)} chunks, {words.share(saved)} smaller"


@dataclass(frozen=True)
class Table:
    """One hypertable; that of a dataset has its name as ``title``.

    ``rows`` is an estimate, None where nobody has counted them yet.

    ``newest`` (UTC) is the time of its newest row, None without rows and where that was not found
    in time. ``behind`` is how much of the newest rows the rollups do not show yet, None where there
    are no rollups. ``compressed`` is None where the edition or the table has no columnstore.
    """

    name: str
    title: str
    rows: int | None
    bytes: int
    rollup_bytes: int
    chunks: int
    newest: datetime | None
    behind: timedelta | None
    lag: State
    compressed: Compressed | None


def read(budget: Budget) -> Part:
    """Return the hypertables with their rollups, the largest first."""
    with budget.step() as session:
        found = {_name(row.schema, row.name): row for row in session.execute(HYPERTABLES)}
    compressed = _compressed(budget)
    last = refreshed(budget)
    with budget.step() as session:
        declared = uploaded.every(session, catalog.current()).hypertables
        titles = dict(session.execute(select(Dataset.id, Dataset.name)).all())
    rollups = {name: _rollups(name, each) for name, each in declared.items()}
    belonging = {each for tables in rollups.values() for each in tables}
    rows = []
    for name, row in found.items():
        if name in belonging:
            continue
        progress = reach.read(budget, name, declared.get(name))
        rows.append(
            Table(
                name,
                titles.get(uploaded.id_of(name), name),
                row.rows or (0 if progress.newest is None else None),
                row.bytes or 0,
                sum(found[each].bytes or 0 for each in rollups.get(name, ()) if each in found),
                row.chunks,
                progress.newest,
                progress.behind,
                progress.state,
                compressed.get(name),
            )
        )
    rows.sort(key=lambda each: (-each.bytes - each.rollup_bytes, each.name))
    return Part(NAME, [*last.checks, _lag(rows), _chunks(rows)], rows)


def refreshed(budget: Budget) -> Part:
    """Return when the rollups were refreshed last, which is quick to find."""
    with budget.step() as session:
        return Part(NAME, [_refresh(session.scalar(refreshed_ago()))])


def _name(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"


def _rollups(name: str, hypertable: Hypertable) -> list[str]:
    return [each for rollup in hypertable.rollups for each in rollup.tables(name).values()]


def _compressed(budget: Budget) -> Mapping[str, Compressed]:
    with budget.step() as session:
        if edition(session.connection()) == "apache":
            return {}
        found = session.execute(COMPRESSED).all()
    return {
        row.name.removeprefix("public."): Compressed(row.chunks, row.before, row.after)
        for row in found
        if row.chunks
    }


def refreshed_ago() -> Select:
    """By how many seconds the last refresh of the rollups that succeeded is past."""
    return (
        select(func.extract("epoch", func.now() - Job.finished_at))
        .where(Job.kind == "rollups.refresh", Job.state == "succeeded")
        .order_by(Job.created_at.desc())
        .limit(1)
    )


def _refresh(seconds: float | None) -> Check:
    seconds = None if seconds is None else float(seconds)
    return Check(
        "Rollups refreshed",
        "not yet" if seconds is None else f"{words.about(seconds)} ago",
        "look" if seconds is None else REFRESH.state(seconds),
        str(REFRESH),
        "Charts do not show what came since. Its jobs say why:",
        link="/dash/jobs?kind=rollups.refresh",
    )


def _lag(rows: Sequence[Table]) -> Check:
    late = [each for each in rows if each.lag != "good"]
    return Check(
        "Rollups complete",
        f"not of {', '.join(each.title for each in late)}" if late else "up to the newest rows",
        "look" if late else "good",
        "look at it from two buckets",
        "Rows that were loaded are not in them yet:",
        "make refresh",
    )


def _chunks(rows: Sequence[Table]) -> Check:
    most = max(rows, key=lambda each: each.chunks, default=None)
    count = most.chunks if most else 0
    return Check(
        "Chunks",
        f"{words.number(count)} at most, of {most.title}" if most else "none",
        CHUNKS.state(count),
        f"{CHUNKS} of one table",
        "Each statement looks at all of them: a longer `chunk_interval` in hypertables.yaml, then:",
        "make up",
    )
