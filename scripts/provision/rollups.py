"""Differences in the rollups, on either edition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from scripts.provision.aggregates import Level, levels
from scripts.provision.edition import Edition
from scripts.provision.functions import diff_functions, diff_triggers
from scripts.provision.state import State, day, is_rollup
from scripts.provision.steps import Step
from timestack.series.catalog import Catalog
from timestack.series.policies import REFRESH
from timestack.series.sql import fill, interval_text


def diff(catalog: Catalog, state: State, edition: Edition) -> Iterator[Step]:
    """Steps from the existing rollups to the declared ones, kept as ``edition`` keeps them."""
    declared = {
        level.table for name, table in catalog.hypertables.items() for level in levels(name, table)
    }
    for name, relation in sorted(state.relations.items()):
        if is_rollup(relation) and name not in declared:
            yield Step(
                "drop",
                f"rollup {name}",
                "not declared",
                (drop(name, state),),
                destructive="its buckets go",
            )
    remade: dict[str, list[str]] = {}
    for name, table in catalog.hypertables.items():
        for level in levels(name, table):
            # A level is computed from the one below: where that is made again, so is this one.
            below = level.source in remade.get(name, ())
            if below or not _is_there(level, state, edition):
                remade.setdefault(name, []).append(level.table)
                # What is made again starts without the grants and policies that it had.
                state.grants.pop(level.table, None)
                state.policies.pop((level.table, REFRESH), None)
                yield _make(level, state, edition)
            else:
                yield from edition.rollup_details(level, state)
    for name in sorted(set(state.triggers) - set(catalog.hypertables)):
        yield from diff_triggers(name, {}, state)
    yield from diff_functions(list(edition.functions(catalog, state)), state)
    for name, table in catalog.hypertables.items():
        yield from diff_triggers(name, edition.triggers(table), state)
    for name, tables in remade.items():
        yield from edition.fill_rollups(name, catalog.hypertables[name], tables)
    yield from edition.policies(catalog, state)


def _is_there(level: Level, state: State, edition: Edition) -> bool:
    return level.table in state.relations and edition.same_rollup(level, state)


def _make(level: Level, state: State, edition: Edition) -> Step:
    detail = f"{interval_text(level.width)} from {level.source}"
    create = edition.create_rollup(level)
    if level.table not in state.relations:
        return Step("create", f"rollup {level.table}", detail, create)
    return Step(
        "change",
        f"rollup {level.table}",
        f"{detail}, made again",
        (drop(level.table, state), *create),
        destructive=lost(level, state),
    )


def lost(level: Level, state: State) -> str:
    """The buckets that cannot be computed again, without their rows, as a sentence; often empty."""
    oldest = state.oldest_bucket.get(level.table)
    if oldest is None:
        return ""
    chunks = state.chunks[level.hypertable_name]
    kept = chunks[0].start if chunks else None
    if kept is not None and level.hypertable.retention:
        # A late row may have made an old chunk again, without the rows that it had.
        kept = max(kept, (datetime.now(UTC) - level.hypertable.retention).timestamp())
    if kept is not None and oldest + level.width.total_seconds() > kept:
        return ""
    since = "now" if kept is None else day(kept)
    return f"its buckets from {day(oldest)} to {since} have no rows to be computed from"


def drop(table: str, state: State) -> str:
    """The statement that drops a rollup and the levels above it, however it was made."""
    kind = "materialized view" if table in state.continuous_aggregates else "table"
    return fill("drop {sql_kind} if exists {table:relation} cascade", sql_kind=kind, table=table)
