"""Datasets: the hypertables that are declared, and those that are made of uploaded files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from flask import current_app, g, url_for
from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, Forbidden, NotFound

from timestack import db
from timestack.api.access import viewer
from timestack.api.conditional import require_match
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, ExtentView, Query, Time, View
from timestack.api.uploads import NoRoom
from timestack.auth import bearer
from timestack.domains.datasets import access, changes, declare, describe, room, tables
from timestack.domains.uploads import store
from timestack.domains.uploads.layout import Layout
from timestack.domains.uploads.preview import preview_of
from timestack.errors import Fault, Invalid
from timestack.models.datasets import Dataset
from timestack.series import uploaded
from timestack.series.sql import interval_text
from timestack.words import sentence

resource = Resource(
    "datasets", __name__, url_prefix="/datasets", about="The hypertables, and what they hold."
)

# Estimates of a declared hypertable change slowly.
MAX_AGE = 60
Visibility = Literal["mine", "everybody"]
Name = Annotated[str, Field(min_length=1, max_length=access.LONGEST_NAME)]


class ColumnView(View):
    """A column and its PostgreSQL type; ``label`` is what an uploaded file calls it."""

    name: str
    type: str
    label: str


class LevelView(View):
    """One level of a rollup: the width of its buckets, and its table."""

    width: str
    table: str


class RollupView(View):
    """What is aggregated; days are those of ``timezone``, null for UTC."""

    keys: list[str]
    values: list[str]
    timezone: str | None
    levels: list[LevelView]


class BoundsView(View):
    """What a column accepts: of a time ``low <= t < high``, of a value ``low <= v <= high``.

    Both are null where only NaN and infinities are refused.
    """

    column: str
    low: date | float | None
    high: date | float | None


class UploadedView(View):
    """What is known of a dataset that was uploaded.

    ``state`` is preparing (its table is made), loading, ready, failed or deleting, ``message`` a
    sentence about it, and ``job`` the one that leads to the next state. ``source`` is the file.
    """

    id: int
    owner: str | None
    visibility: str
    state: str
    message: str
    job: UUID | None
    source: str
    created_at: datetime
    loaded_at: datetime | None


class DatasetView(View):
    """A hypertable. ``uploaded`` is null for one that is declared in hypertables.yaml.

    ``keys`` tell rows of one time apart, and ``values`` are the other columns of numbers. ``rows``
    is an estimate, null before the first one; ``extent`` is null without rows. ``size`` is in bytes
    on the disk, indexes and rollups included.
    """

    name: str
    table: str
    uploaded: UploadedView | None
    time: str
    keys: list[str]
    values: list[str]
    columns: list[ColumnView]
    rollups: list[RollupView]
    bounds: list[BoundsView]
    chunk_interval: str
    retention: str | None
    rows: int | None
    extent: ExtentView | None
    chunks: int
    size: int


class DatasetList(View):
    """All of them, first those that are declared: there is no next part."""

    items: list[DatasetView]


class NewDataset(Body):
    """A dataset to be made of an upload that is complete, and read as ``layout`` says.

    Not ``unique``: several rows may have the same time and keys. ``skip_bad_rows`` leaves out the
    rows that cannot be read, instead of refusing the file.
    """

    name: Name
    upload: UUID
    layout: Layout
    visibility: Visibility = "mine"
    unique: bool = True
    skip_bad_rows: bool = False


class DatasetChange(Body):
    """What is to be changed: the members that are there."""

    name: Name | None = None
    visibility: Visibility | None = None


class DroppedView(View):
    """The job that drops the table."""

    job: UUID


class DescribeQuery(Query):
    """Which rows."""

    start: Annotated[Time | None, Field(description="The first time; default: the first row.")] = (
        None
    )
    end: Annotated[
        Time | None, Field(description="The time before which it ends; default: the last row.")
    ] = None


class QuantileView(View):
    """The value below which a ``part`` of the values is."""

    part: float
    value: float


class FiguresView(View):
    """One column; a number that is not finite counts as a null.

    ``lowest`` and ``highest`` are texts of a column of texts or times, and null where there is no
    order; ``mean`` and ``quantiles`` are of numbers and truth values alone.
    """

    name: str
    label: str
    type: str
    count: int
    nulls: int
    distinct: int
    lowest: float | str | None
    highest: float | str | None
    mean: float | None
    quantiles: list[QuantileView]


class DescriptionView(View):
    """The columns of ``rows`` rows: of all, or of a sample of a ``part`` of them."""

    rows: int
    part: float
    columns: list[FiguresView]


@resource.get("", answer=DatasetList)
def index() -> DatasetList:
    """List the hypertables that are declared, and the uploaded datasets that you may see."""
    names = tables.names(admin=g.admin)
    with db.session() as session:
        found = access.visible(session, viewer())
        held = tables.read(session, [*names, *(uploaded.table_of(each.id) for each in found)])
        items = [_declared(held[name]) for name in names if name in held]
        items += [_uploaded(session, each, held) for each in found]
    return DatasetList(items=items)


@resource.get("/<reference>", answer=DatasetView, problems=(404,))
def show(reference: str) -> Answer:
    """Show a dataset by its name or, of an uploaded one, its id."""
    with db.session() as session:
        shown = _shown(session, _found(session, reference))
    bearer.may_use(shown.table)
    return Answer(shown, max_age=0 if shown.uploaded else MAX_AGE)


@resource.post("", body=NewDataset, answer=DatasetView, status=202, problems=(404, 409, 507))
def create(body: NewDataset) -> Answer:
    """Make a hypertable of an upload: ``uploaded.job`` is the job that loads it.

    409 a dataset has the name, in capitals or not, or the upload is not complete. 507 the
    database's disk has no room for it, by an estimate.
    """
    folder = current_app.config["SETTINGS"].uploads_dir
    who = viewer()
    with db.session() as session:
        upload = store.find(session, body.upload, None if who.is_admin else who.id)
    if upload is None:
        raise NotFound(f"There is no upload {body.upload}: it ended, or is not yours.")
    if not upload.complete:
        raise Conflict("The upload is not complete: send the rest of it first.")
    file = store.path(folder, upload.id)
    _require_readable(file, upload.name, body.layout)
    try:
        room.require(file)
        with db.session() as session:
            dataset = changes.create(
                session,
                who,
                body.name,
                body.layout,
                source=upload.name,
                upload=upload.id,
                visibility=body.visibility,
                step=declare.usual_step(body.layout, file, upload.name),
                unique=body.unique,
                skip_bad_rows=body.skip_bad_rows,
                submitted_by=g.user.email,
            )
            shown = _shown(session, access.find(session, str(dataset.id), who))
    except access.NameError as error:
        raise Invalid([Fault(str(error), pointer="/name")]) from None
    except (changes.TakenError, changes.UsedError) as error:
        raise Conflict(sentence(error)) from None
    except room.NoRoomError as error:
        raise NoRoom(sentence(error)) from None
    location = url_for("api.datasets.show", reference=dataset.id)
    return Answer(shown, headers={"Location": location})


def _require_readable(file: Path, name: str, layout: Layout) -> None:
    """Raise Invalid where the file is not what the layout says; before anything is made of it."""
    try:
        found = preview_of(str(file), name, complete=True, layout=layout)
    except OSError:
        raise Conflict("The file of the upload is gone: upload it again.") from None
    stopping = [each for each in found.problems if each.stops]
    if stopping:
        raise Invalid([Fault(each.detail.rstrip("."), pointer="/layout") for each in stopping])


@resource.patch(
    "/<reference>",
    body=DatasetChange,
    headers=("If-Match",),
    answer=DatasetView,
    problems=(403, 404, 409, 412),
)
def change(reference: str, body: DatasetChange) -> DatasetView:
    """Rename an uploaded dataset, or show it to everybody or to nobody else.

    With ``If-Match``, only while it is as it was got. 403 it is another user's, 409 a dataset has
    the name, or it is declared or being deleted.
    """
    try:
        with db.session() as session:
            dataset = _own(session, reference)
            require_match(_shown(session, dataset))
            changes.change(session, dataset, submitted_by=g.user.email, **body.model_dump())
            return _shown(session, dataset)
    except access.NameError as error:
        raise Invalid([Fault(str(error), pointer="/name")]) from None
    except (changes.TakenError, changes.BusyError) as error:
        raise Conflict(sentence(error)) from None


@resource.delete("/<reference>", answer=DroppedView, status=202, problems=(403, 404, 409))
def delete(reference: str) -> DroppedView:
    """Delete an uploaded dataset, with its rows; from now on nobody reads it.

    403 it is another user's, 409 it is declared or being deleted.
    """
    try:
        with db.session() as session:
            dataset = _own(session, reference)
            return DroppedView(job=changes.delete(session, dataset, submitted_by=g.user.email))
    except changes.BusyError as error:
        raise Conflict(sentence(error)) from None


@resource.get(
    "/<reference>/describe", query=DescribeQuery, answer=DescriptionView, problems=(404, 409)
)
def show_figures(reference: str, query: DescribeQuery) -> DescriptionView:
    """Each column in figures: what is there, how much, and how it is spread.

    Of more than some hundred thousand rows those of a sample. 409 it has no table yet.
    """
    if query.start and query.end and query.end <= query.start:
        raise Invalid([Fault("is not after start", parameter="end")])
    try:
        with db.session() as session:
            dataset = _found(session, reference)
            table = dataset if isinstance(dataset, str) else uploaded.table_of(dataset.id)
            bearer.may_use(table)
            held = tables.read(session, [table]).get(table)
            if held is None:
                raise Conflict(f"The dataset {reference} has no table yet, or no more.")
            found = describe.describe(session, held, start=query.start, end=query.end)
    except describe.TooLongError as error:
        raise Invalid([Fault(str(error), parameter="start")]) from None
    labels = {} if isinstance(dataset, str) else _labels(dataset)
    columns = [
        {
            **vars(each),
            "label": labels.get(each.name, each.name),
            "quantiles": [
                {"part": part, "value": value} for part, value in (each.quantiles or {}).items()
            ],
        }
        for each in found.columns
    ]
    return DescriptionView.model_validate(
        {"rows": found.rows, "part": found.part, "columns": columns}
    )


def _found(session: Session, reference: str, *, lock: bool = False) -> str | Dataset:
    """What a reference means: the name of a declared hypertable, or an uploaded dataset.

    Raises NotFound.
    """
    names = tables.names(admin=g.admin)
    if reference in names:
        return reference
    dataset = access.find(session, reference, viewer(), lock=lock)
    if dataset is None:
        raise NotFound(
            f"There is no dataset {reference}, or you may not see it; declared are"
            f" {', '.join(names)}."
        )
    return dataset


def _own(session: Session, reference: str) -> Dataset:
    """An uploaded dataset, locked, that may be changed; raises NotFound, Conflict, Forbidden."""
    dataset = _found(session, reference, lock=True)
    if isinstance(dataset, str):
        raise Conflict(f"{dataset} is declared in hypertables.yaml, and changed there.")
    if not viewer().may_change(dataset):
        raise Forbidden("Only its owner and administrators change this dataset.")
    return dataset


def _shown(session: Session, dataset: str | Dataset) -> DatasetView:
    if isinstance(dataset, Dataset):
        held = tables.read(session, [uploaded.table_of(dataset.id)])
        return _uploaded(session, dataset, held)
    held = tables.read(session, [dataset])
    if dataset not in held:
        raise NotFound(f"The hypertable {dataset} is not there yet: `make up` makes it.")
    return _declared(held[dataset])


def _declared(held: tables.Table) -> DatasetView:
    return _view(held.name, held, {}, None)


def _uploaded(session: Session, dataset: Dataset, held: dict[str, tables.Table]) -> DatasetView:
    state, message = changes.state(session, dataset)
    table = uploaded.table_of(dataset.id)
    declared = uploaded.hypertable(dataset.declared, dataset.visibility)
    # Before it is made, as it will be.
    empty = tables.Table(table, declared, dict(declared.types), 0, None, 0, 0)
    about = UploadedView(
        id=dataset.id,
        owner=dataset.owner and dataset.owner.email,
        visibility=dataset.visibility,
        state=state,
        message=message,
        job=dataset.job_id,
        source=dataset.source,
        created_at=dataset.created_at,
        loaded_at=dataset.loaded_at,
    )
    found = held.get(table, empty)
    if found.rows is None:
        # Until somebody has counted them.
        found = replace(found, rows=dataset.rows)
    return _view(dataset.name, found, _labels(dataset), about)


def _labels(dataset: Dataset) -> dict[str, str]:
    return {each["name"]: each["label"] for each in dataset.layout["columns"]}


def _view(
    name: str, held: tables.Table, labels: dict[str, str], about: UploadedView | None
) -> DatasetView:
    declared = held.declared
    rollups = [
        RollupView(
            keys=each.keys,
            values=each.values,
            timezone=each.timezone,
            levels=[
                LevelView(width=interval_text(width), table=table)
                for width, table in each.tables(held.name).items()
            ],
        )
        for each in declared.rollups
    ]
    bounds = [
        BoundsView(column=column, low=each.low, high=each.high)
        for column, each in declared.bounds.items()
    ]
    return DatasetView(
        name=name,
        table=held.name,
        uploaded=about,
        time=declared.time,
        keys=held.keys,
        values=held.values,
        columns=[
            ColumnView(name=column, type=type, label=labels.get(column, column))
            for column, type in held.columns.items()
        ],
        rollups=rollups,
        bounds=bounds,
        chunk_interval=interval_text(declared.chunk_interval),
        retention=declared.retention and interval_text(declared.retention),
        rows=held.rows,
        extent=held.extent and ExtentView.model_validate(held.extent, from_attributes=True),
        chunks=held.chunks,
        size=held.size,
    )
