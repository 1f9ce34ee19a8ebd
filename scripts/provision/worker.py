"""``celery -A scripts.provision.worker worker -Q owner``: makes and drops the tables of datasets.

The one worker that logs in to the database as its owner. It reads no file, asks nobody outside, and
knows no other task: what it is told is the id of a dataset, whose row is checked as it is read.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import signals
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from scripts.provision import lock
from scripts.provision.apply import apply
from timestack import db
from timestack.domains.jobs import kinds
from timestack.domains.jobs.kinds import DatasetParams
from timestack.domains.jobs.steps import LaterError, PermanentError
from timestack.models.datasets import Dataset
from timestack.models.imports import Import
from timestack.models.jobs import Job
from timestack.progress import Progress
from timestack.queue import app
from timestack.series import uploaded
from timestack.series.catalog import Catalog
from timestack.settings import Settings
from timestack.tasks.job import job

log = logging.getLogger(__name__)

OWN = ("datasets.make", "datasets.drop")
CHANGES = text("delete from timestack.changes where table_name = :table")


@signals.worker_init.connect
def _know_nothing_else(**_) -> None:
    """Forget the tasks that came with the decorator: they are for others, whoever asks for them."""
    for name in [each for each in app.tasks if each not in OWN and not each.startswith("celery.")]:
        app.tasks.unregister(name)


@job("datasets.make")
def make(session: Session, progress: Progress, params: DatasetParams) -> dict:
    """Make the table of a dataset, or what differs in it from what is declared."""
    dataset = session.get(Dataset, params.dataset)
    if dataset is None or dataset.state == "deleting":
        raise PermanentError("the dataset was deleted meanwhile")
    declared = uploaded.hypertable(dataset.declared, dataset.visibility)
    table = uploaded.table_of(dataset.id)
    progress(0.1, f"making {table}")
    steps = _converge(session, table, {table: declared})
    made = update(Dataset).where(Dataset.id == params.dataset, Dataset.state == "preparing")
    session.execute(made.values(state="loading"))
    return {"table": table, "steps": steps}


@job("datasets.drop")
def drop(session: Session, progress: Progress, params: DatasetParams) -> dict:
    """Drop the table of a dataset with all that is made of it, and delete its row."""
    dataset = session.get(Dataset, params.dataset)
    table = uploaded.table_of(params.dataset)
    if dataset is not None and dataset.state != "deleting":
        raise PermanentError(f"the dataset {dataset.name!r} is not to be deleted")
    if _is_loading(session, params.dataset):
        raise LaterError("its load has not ended yet", timedelta(seconds=5))
    progress(0.1, f"dropping {table}")
    steps = _converge(session, table, {})
    session.execute(CHANGES, {"table": table})
    session.execute(delete(Import).where(Import.id == table))
    session.execute(delete(Dataset).where(Dataset.id == params.dataset))
    return {"table": table, "steps": steps}


def _converge(session: Session, table: str, declared: dict[str, uploaded.Uploaded]) -> int:
    """Bring one table to what is declared of it; returns how many steps that took.

    By the plan that provisioning makes, and under its lock.
    """
    # The row stays readable meanwhile, and waits are shorter than the job's.
    session.commit()
    limit = kinds.find("datasets.make").time_limit
    engine = db.engine_from(
        Settings.load(),
        application_name="timestack-datasets",
        statement_timeout=limit.total_seconds(),
    )
    catalog = Catalog(hypertables={}).model_copy(update={"hypertables": declared})
    try:
        with lock.provisioning(engine, report=log.info):
            # The owner of a dataset has asked for its end.
            steps = apply(
                catalog, engine, only=table, allow_destructive=not declared, report=log.info
            )
    finally:
        engine.dispose()
    return len(steps)


def _is_loading(session: Session, id: int) -> bool:
    loads = (Job.kind == "datasets.load") & (Job.params["dataset"].as_integer() == id)
    return session.scalar(select(Job.id).where(loads, Job.state == "running").limit(1)) is not None
