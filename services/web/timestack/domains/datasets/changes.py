"""Datasets are made, renamed, shown to others and deleted: their rows, and the jobs that follow.

A request changes rows alone. The tables are made, converged and dropped by jobs of a worker that
alone may.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from timestack.domains.datasets import declare
from timestack.domains.datasets.access import Viewer, checked_name
from timestack.domains.jobs import control, requests
from timestack.domains.uploads import store
from timestack.domains.uploads.layout import Layout
from timestack.models.datasets import Dataset
from timestack.models.jobs import UNFINISHED, Job
from timestack.models.uploads import Upload
from timestack.series import uploaded

FORGOTTEN = "its job ended before it was ready: delete it, and upload the file again"


class TakenError(ValueError):
    """Another dataset has the name, which may be one that this user does not see."""

    def __init__(self, name: str):
        super().__init__(f"there is a dataset {name!r} already: choose another name")


class UsedError(ValueError):
    """Another job is to read the upload, and deletes it then."""

    def __init__(self):
        super().__init__("the upload is being made a dataset already: upload the file again")


class BusyError(ValueError):
    """The dataset is being deleted."""

    def __init__(self, dataset: Dataset):
        super().__init__(f"the dataset {dataset.name!r} is being deleted")


def create(
    session: Session,
    viewer: Viewer,
    name: str,
    layout: Layout,
    *,
    source: str,
    upload: UUID,
    visibility: str = "mine",
    step: timedelta = declare.USUAL_STEP,
    unique: bool = True,
    skip_bad_rows: bool = False,
    submitted_by: str = "",
) -> Dataset:
    """Add a dataset of an upload, and the jobs that make its table and load the file.

    ``source`` is what the file is called, ``step`` the usual one from a time to the next, of one
    series. Not ``unique``: rows of one time and the same keys may be several. ``skip_bad_rows``
    leaves out what is refused instead of refusing the file. Raises NameError, TakenError and
    UsedError.
    """
    declared = declare.declared(layout, step, unique=unique)
    # What the worker would refuse is refused here.
    uploaded.hypertable(declared, visibility)
    name = checked_name(name)
    # Of two who ask at once, the second sees the job of the first.
    session.execute(select(Upload.id).where(Upload.id == upload).with_for_update())
    reading = Job.state.in_(UNFINISHED) & (Job.params[store.PARAMETER].astext == str(upload))
    if session.scalar(select(Job.id).where(reading).limit(1)):
        raise UsedError
    added = insert(Dataset).values(
        name=name,
        owner_id=viewer.id,
        visibility=visibility,
        declared=declared,
        layout=layout.model_dump(mode="json"),
        source=source,
    )
    dataset = session.scalar(added.on_conflict_do_nothing().returning(Dataset))
    if dataset is None:
        raise TakenError(name)
    made = requests.add(
        session, "datasets.make", {"dataset": dataset.id}, submitted_by=submitted_by
    )
    load = {"dataset": dataset.id, store.PARAMETER: str(upload)}
    if skip_bad_rows:
        load["skip_bad_rows"] = True
    loaded = requests.add(
        session, "datasets.load", load, waits_for=made.id, submitted_by=submitted_by
    )
    dataset.job_id = loaded.id
    session.flush()
    return dataset


def change(
    session: Session,
    dataset: Dataset,
    *,
    name: str | None = None,
    visibility: str | None = None,
    submitted_by: str = "",
) -> None:
    """Rename a dataset, or show it to others or no more; its table keeps its name.

    Raises NameError and BusyError, and TakenError, after which the transaction is to be ended.
    """
    _require_staying(dataset)
    if name is not None:
        name = dataset.name = checked_name(name)
    if visibility not in (None, dataset.visibility):
        dataset.visibility = visibility
        # Who may read the database by other tools reads what everybody may see.
        requests.add(session, "datasets.make", {"dataset": dataset.id}, submitted_by=submitted_by)
    try:
        session.flush()
    except IntegrityError:
        raise TakenError(name) from None


def delete(session: Session, dataset: Dataset, *, submitted_by: str = "") -> UUID:
    """Have a dataset deleted, and return the id of the job that does it.

    From now on nobody reads it. What makes or loads it is cancelled. One whose deletion failed can
    be deleted again. Raises BusyError.
    """
    if dataset.state == "deleting" and state(session, dataset)[0] == "deleting":
        raise BusyError(dataset)
    unfinished = select(Job.id).where(
        Job.kind.in_(("datasets.make", "datasets.load")),
        Job.state.in_(UNFINISHED),
        Job.params["dataset"].as_integer() == dataset.id,
    )
    for id in session.scalars(unfinished).all():
        control.cancel(session, id)
    job = requests.add(session, "datasets.drop", {"dataset": dataset.id}, submitted_by=submitted_by)
    dataset.state, dataset.job_id = "deleting", job.id
    session.flush()
    return job.id


def state(session: Session, dataset: Dataset) -> tuple[str, str]:
    """Return a dataset's state as people see it, and a sentence about it, often empty.

    It is "failed" where the job that leads to the next state has ended otherwise.
    """
    if dataset.state == "ready":
        return "ready", dataset.message
    job = session.get(Job, dataset.job_id) if dataset.job_id else None
    if job is None:
        return "failed", FORGOTTEN
    if job.state in ("failed", "cancelled"):
        return "failed", _reason(session, job)
    return dataset.state, job.message


def _reason(session: Session, job: Job) -> str:
    """Return why a job failed; of one that waited for another, why that one did."""
    first = session.get(Job, job.waits_for) if job.waits_for else None
    return first.message if first and first.state == "failed" else job.message


def _require_staying(dataset: Dataset) -> None:
    if dataset.state == "deleting":
        raise BusyError(dataset)
