"""Points of a hypertable over time, at the resolution of a chart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from flask import Response
from pydantic import ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from timestack import db
from timestack.api import access, formats
from timestack.api.operation import Resource, conditional
from timestack.api.types import Digits, Seconds, Text, View
from timestack.auth import bearer
from timestack.domains.export import points, tables
from timestack.errors import Fault, Invalid
from timestack.series import catalog, encode, uploaded
from timestack.series.question import OVER_KEYS

resource = Resource(
    "series", __name__, url_prefix="/series", about="Points of a hypertable, as a chart draws them."
)

Points = Annotated[
    int,
    Field(
        ge=1,
        le=points.MOST_POINTS,
        description="How many to give at least, where there are as many rows; at most twice that.",
    ),
    Digits,
]


class SeriesQuery(formats.TableQuery):
    """Which series, over which time, and how finely."""

    table: Annotated[Text, Field(description="A hypertable, or the `table` of a dataset.")]
    value: Annotated[
        Text | None, Field(description="A column; may be left out where there is one alone.")
    ] = None
    points: Points = 1000
    bucket: Annotated[
        Seconds | None,
        Field(description="Seconds that each point is of, exactly; then `points` are the most."),
    ] = None
    over_keys: Annotated[
        Literal[OVER_KEYS],
        Field(
            description="Of key columns that are not given: the rows of all alike, the sum of each"
            " key's, or each row a point while there are few enough."
        ),
    ] = "rows"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = super().__get_pydantic_json_schema__(core, handler)
        found["properties"]["table"]["anyOf"] = [
            {"enum": tables.hypertables(catalog.current())},
            {"pattern": f"^{uploaded.TABLE.pattern}$"},
        ]
        return found


class TimesView(View):
    """Point n is at ``start + n * step``, or each one of ``deltas`` after the one before it.

    In milliseconds since 1970 in UTC where ``unit`` is "ms", in microseconds where it is "us".
    """

    unit: str
    start: int | None
    step: int = 0
    deltas: list[int] = Field(default_factory=list)


class SeriesView(View):
    """One key's points; null where a bucket has no number."""

    key: dict[str, int | str | float | bool]
    time: TimesView
    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]


class SeriesList(View):
    """A series for each combination of keys, in the order in which they were given.

    Each point is of a bucket of ``bucket`` seconds, or a row where that is null. ``tables`` are
    those that answered: a rollup, and what came since its last refresh.
    """

    # Times have either `step` or `deltas`.
    model_config = ConfigDict(json_schema_mode="validation")

    table: str
    value: str
    start: datetime | None
    end: datetime | None
    bucket: float | None
    tables: list[str]
    series: list[SeriesView]


@resource.get("", query=SeriesQuery, answer=SeriesList, media=formats.MEDIA, problems=(406,))
def index(query: SeriesQuery) -> Response:
    """Minimum, mean and maximum of a value over time, from the coarsest rollup that is fine enough.

    Without `start` and `end` over all that is there. `key.<column>=<value>` chooses the series,
    each as often as there are values: `key.sensor_id=1&key.sensor_id=2` are two. Over key columns
    that are not given, all rows count alike; with `over_keys=sum` each key's points are taken by
    themselves and added up.

    JSON has the numbers as a chart shows them, with the digits of float32 where that is enough;
    the other formats have them as they are, a row for each point.
    """
    known = tables.hypertables(catalog.current())
    if query.table not in known and not access.may_read(query.table):
        raise Invalid([Fault(access.unknown(query.table, known), parameter="table")])
    bearer.may_use(query.table)
    format = formats.wanted(query.format)
    keys = query.keys()
    try:
        with db.session() as session, tables.still_there(query.table):
            found = points.read(
                session,
                query.table,
                keys,
                value=query.value,
                start=query.start,
                end=query.end,
                points=query.points,
                over_keys=query.over_keys,
                bucket=timedelta(seconds=query.bucket) if query.bucket else None,
            )
    except tables.WrongParameter as error:
        raise formats.refused(error) from None
    if format.name == "json":
        answer = Response(_json(query.table, found), content_type=format.media)
    else:
        name = (query.table, found.value, found.start, found.end)
        answer = Response(_table(format, found), headers=formats.file(format, *name))
    answer.vary.add("Accept")
    return conditional(answer)


def _json(table: str, found: points.Found) -> bytes:
    first = found.series[0]
    return encode.points(
        found.series,
        [each.name for each in found.keys],
        table=table,
        value=found.value,
        start=found.start,
        end=found.end,
        bucket=first.bucket.total_seconds() if first.bucket else None,
        tables=first.tables,
    )


def _table(format: encode.Format, found: points.Found) -> bytes:
    keys = {each.name: each.arrow for each in found.keys}
    batches = [encode.batch(each, keys) for each in found.series]
    return b"".join(encode.pieces(format, batches[0].schema, batches))
