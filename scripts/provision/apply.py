"""Carry out a plan."""

from __future__ import annotations

from collections.abc import Callable

from psycopg2.errors import InternalError_
from sqlalchemy import Connection, Engine

from scripts.provision.errors import Refused, Unfinished
from scripts.provision.plan import plan
from scripts.provision.steps import Step
from timestack.db import autocommit
from timestack.series.catalog import Catalog

# How often a plan is made when TimescaleDB's scheduler gets in its way.
ATTEMPTS = 5


def apply(
    catalog: Catalog,
    engine: Engine,
    *,
    only: str | None = None,
    allow_destructive: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Step, ...]:
    """Make the database what is declared. Returns the steps of the plan that was carried out.

    ``only`` is as in ``plan``.

    The plan's notes are reported, and so are the steps that only a person may take.

    Runs of steps that PostgreSQL can undo together are one transaction. Where a step cannot be
    part of one, the steps before it stay: the next apply plans again and goes on from there.
    Raises Refused before anything is changed when a destructive step is not allowed, and
    Unfinished when differences are left.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return _apply_once(catalog, engine, only, allow_destructive, report)
        except InternalError_ as error:
            # "tuple concurrently updated": the scheduler wrote to a job that the step changes.
            if not left:
                raise
            report(f"{str(error).strip()}: planning again")
    raise AssertionError("the last attempt returns or raises")


def _apply_once(
    catalog: Catalog,
    engine: Engine,
    only: str | None,
    allow_destructive: bool,
    report: Callable[[str], None],
) -> tuple[Step, ...]:
    with engine.begin() as connection:
        found = plan(catalog, connection, only=only)
        for line in (*found.notes, *(step.line() for step in found.steps if step.by_hand)):
            report(line)
        steps = tuple(step for step in found.steps if not step.by_hand)
        dangerous = [step for step in steps if step.destructive]
        if dangerous and not allow_destructive:
            raise Refused(
                *(f"{step.object}: {step.detail}: {step.destructive}" for step in dangerous),
                "nothing was changed; if that is intended: make apply ARGS=--allow-destructive",
            )
        together = all(step.transactional for step in steps)
        for step in steps if together else ():
            _run(step, connection, report)
    for step in () if together else steps:
        with engine.begin() if step.transactional else autocommit(engine) as connection:
            _run(step, connection, report)
    if steps:
        _require_done(catalog, engine, only)
    return steps


def _require_done(catalog: Catalog, engine: Engine, only: str | None) -> None:
    """Raise Unfinished for what the owner could not do.

    A right granted by another role, for example, can only be revoked by that role; PostgreSQL
    answers the owner's REVOKE with a warning.
    """
    with engine.connect() as connection:
        left = [step for step in plan(catalog, connection, only=only).steps if not step.by_hand]
    if left:
        raise Unfinished(
            "applied, but these differences remain, which the server does not let the "
            "owner remove; its administrator can",
            *(step.line() for step in left),
        )


def _run(step: Step, connection: Connection, report: Callable[[str], None]) -> None:
    report(step.line())
    cursor = connection.connection.cursor()
    for statement in step.statements:
        # Straight to the driver without parameters, so that a percent sign has no meaning.
        cursor.execute(statement)
