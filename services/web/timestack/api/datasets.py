"""Datasets: the hypertables that are declared, and what they hold."""

from __future__ import annotations

from datetime import date
from typing import Any

from werkzeug.exceptions import NotFound

from timestack import db
from timestack.api.operation import Answer, Resource
from timestack.api.types import ExtentView, View
from timestack.domains import datasets
from timestack.domains.datasets import Dataset
from timestack.series.sql import interval_text

resource = Resource(
    "datasets", __name__, url_prefix="/datasets", about="The hypertables, and what they hold."
)

# Extents and estimates take a look into the tables, and change slowly.
MAX_AGE = 60


class ColumnView(View):
    """A column and its type, as PostgreSQL calls it."""

    name: str
    type: str


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


class DatasetView(View):
    """A hypertable.

    ``keys`` tell rows of one time apart, and ``values`` are the other columns of numbers. ``rows``
    is an estimate, null before the first one; ``extent`` is null without rows.
    """

    name: str
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


class DatasetList(View):
    """All of them: there is no next part."""

    items: list[DatasetView]


@resource.get("", answer=DatasetList)
def index() -> Answer:
    """List the datasets."""
    with db.session() as session:
        found = datasets.read(session, datasets.names())
    return Answer(DatasetList(items=[_shape(each) for each in found]), max_age=MAX_AGE)


@resource.get("/<name>", answer=DatasetView, problems=(404,))
def show(name: str) -> Answer:
    """Show a dataset by its name."""
    known = datasets.names()
    with db.session() as session:
        found = datasets.read(session, [name]) if name in known else []
    if not found:
        raise NotFound(f"There is no dataset {name}: use one of {', '.join(known)}.")
    return Answer(_shape(found[0]), max_age=MAX_AGE)


def _shape(dataset: Dataset) -> DatasetView:
    declared = dataset.declared
    rollups: list[dict[str, Any]] = [
        {
            "keys": each.keys,
            "values": each.values,
            "timezone": each.timezone,
            "levels": [
                {"width": interval_text(width), "table": table}
                for width, table in each.tables(dataset.name).items()
            ],
        }
        for each in declared.rollups
    ]
    bounds = [
        {"column": column, "low": each.low, "high": each.high}
        for column, each in declared.bounds.items()
    ]
    return DatasetView.model_validate(
        {
            "name": dataset.name,
            "time": declared.time,
            "keys": dataset.keys,
            "values": dataset.values,
            "columns": [{"name": name, "type": type} for name, type in dataset.columns.items()],
            "rollups": rollups,
            "bounds": bounds,
            "chunk_interval": interval_text(declared.chunk_interval),
            "retention": declared.retention and interval_text(declared.retention),
            "rows": dataset.rows,
            "extent": dataset.extent,
        }
    )
