"""Rows that are sent: readings of sensors, or rows of another hypertable."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import request
from pydantic import Field
from werkzeug.exceptions import UnsupportedMediaType

from timestack.api import writing
from timestack.api.operation import Answer, Resource
from timestack.api.types import Query, View
from timestack.ingest import records, tables
from timestack.ingest.batch import Batch, Refused
from timestack.ingest.body import LARGEST_ARRAY, Stream
from timestack.ingest.sensors import Names
from timestack.ingest.target import READINGS, Target
from timestack.ingest.times import Clock
from timestack.ingest.write import Read

resource = Resource(
    "readings", __name__, url_prefix="/readings", about="Writing: rows that are sent."
)


class WriteQuery(Query):
    """Where rows go, and how times that are numbers are read."""

    table: Annotated[
        str,
        Field(
            description="The hypertable that the rows are of.",
            max_length=63,
            pattern=r"^[a-z_][a-z0-9_]*$",
        ),
    ] = READINGS
    precision: Annotated[
        Literal["s", "ms", "us", "ns"] | None,
        Field(description="The unit of times that are numbers since 1970."),
    ] = None


class Written(View):
    """How many rows were written, and how many sensors are new."""

    written: int
    sensors: int


def _array(stream: Stream, *rest) -> list[Batch]:
    return _gathered(stream, *rest, whole=True)


def _lines(stream: Stream, *rest) -> list[Batch]:
    return _gathered(stream, *rest, whole=False)


def _gathered(
    stream: Stream, target: Target, clock: Clock, names: Names, refused: Refused, *, whole: bool
) -> list[Batch]:
    gatherer = records.Gatherer(target, clock, names, refused)
    if whole:
        records.read_array(stream.within(LARGEST_ARRAY), gatherer)
    else:
        records.read_lines(stream, gatherer, refused)
    return gatherer.batches()


JSON = '[{"time": "2026-01-31T12:00:00Z", "type": "temperature", "location": "JFK",'
ROW = '{"time": "2026-01-31T12:00:00Z", "sensor_id": 1, "value": 21.5}'
FORMATS: dict[str, tuple[Read, str]] = {
    "application/json": (
        _array,
        f'{JSON} "name": "air temperature", "unit": "°C", "value": 21.5}}]',
    ),
    "application/x-ndjson": (_lines, f"{ROW}\n"),
    "text/csv": (tables.read_csv, "time,sensor_id,value\n2026-01-31T12:00:00Z,1,21.5\n"),
    "application/vnd.apache.parquet": (tables.read_parquet, ""),
}


@resource.post(
    "",
    query=WriteQuery,
    takes={type: example for type, (_, example) in FORMATS.items()},
    answer=Written,
    problems=(404,),
)
def create(query: WriteQuery) -> Answer:
    """Write rows; a row that is there already is overwritten.

    A reading names its sensor by `sensor_id`, or by `type`, `location`, `name` and, if given,
    `unit`: a sensor that is not there is made. Rows of another `table` have its columns. Send gzip
    with `Content-Encoding: gzip`.

    400: nothing was written. 422 with `written`: the rows that `errors` lists by their line (of
    JSON and Parquet: by their number, from 1) were not, all others were.
    """
    found = FORMATS.get(request.mimetype)
    if found is None:
        raise UnsupportedMediaType(
            f"Send rows as {', '.join(FORMATS)}; line protocol goes to /api/v2/write."
        )
    report = writing.accept(found[0], query.table, query.precision)
    return Answer(Written(written=report.written, sensors=report.made))
