"""In which format a table is answered, and by which of its rows: what series and export share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import request
from pydantic import ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from werkzeug.exceptions import NotAcceptable

from timestack.api.types import LONGEST_TEXT, Query, Time
from timestack.domains.export import tables
from timestack.errors import Fault, Invalid
from timestack.series import catalog
from timestack.series.encode import FORMATS, Format

# Before the name of a column: it cannot be mistaken for a parameter of ours, now or later.
PREFIX = "key."

MEDIA = {
    FORMATS["csv"].media: "A line for each row, the first with the names.",
    FORMATS["ndjson"].media: "A JSON object for each row, a line each.",
    FORMATS["parquet"].media: "Apache Parquet.",
    FORMATS["arrow"].media: "A stream of Apache Arrow.",
}


class TableQuery(Query):
    """Which rows of a table, and in which format.

    ``key.<column>=<value>``, given once or several times, chooses the rows in which a column has
    one of the values; in the document, for each key column that is declared.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, list[Annotated[str, Field(max_length=LONGEST_TEXT)]]]

    start: Annotated[Time | None, Field(description="The first time; default: the first row.")] = (
        None
    )
    end: Annotated[
        Time | None, Field(description="The time before which it ends; default: the last row.")
    ] = None
    format: Annotated[Literal[tuple(FORMATS)] | None, Field(description="Instead of `Accept`.")] = (
        None
    )

    def keys(self) -> dict[str, list[str]]:
        """The values that were given for each column; raises Invalid for another parameter."""
        given = self.__pydantic_extra__
        wrong = [name for name in given if not name.startswith(PREFIX)]
        if wrong:
            raise Invalid([Fault("is not a parameter here", parameter=name) for name in wrong])
        return {name.removeprefix(PREFIX): values for name, values in given.items()}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler.resolve_ref_schema(handler(core))
        del found["additionalProperties"]
        declared = catalog.current()
        for name, owners in _key_columns(declared).items():
            found["properties"][PREFIX + name] = {
                "type": "array",
                "items": {"type": "string", "maxLength": LONGEST_TEXT},
                "description": f"Values of the column `{name}` of {', '.join(owners)}.",
            }
        return found


def _key_columns(declared: catalog.Catalog) -> dict[str, list[str]]:
    """The key columns of hypertables that others may read, with the tables that have them."""
    found: dict[str, list[str]] = {}
    for table in tables.hypertables(declared):
        for name in sorted(declared.hypertables[table].keys):
            found.setdefault(name, []).append(table)
    return found


def wanted(name: str | None) -> Format:
    """The format that was asked for by its name, or else by ``Accept``; JSON where any will do.

    Raises NotAcceptable.
    """
    if name:
        return FORMATS[name]
    by_media = {each.media: each for each in FORMATS.values()}
    if not request.accept_mimetypes:
        return FORMATS["json"]
    best = request.accept_mimetypes.best_match(by_media)
    if best is None:
        raise NotAcceptable(f"Formats are {', '.join(by_media)}.")
    return by_media[best]


def file(format: Format, *name: Any) -> dict[str, str]:
    """Headers of a file that is called by what is in it: ``readings_2013-01-01_2014-01-01.csv``."""
    words = "_".join(_word(each) for each in name if each)
    return {
        "Content-Type": _type(format),
        "Content-Disposition": f'attachment; filename="{words}.{format.ending}"',
    }


def _type(format: Format) -> str:
    return f"{format.media}; charset=utf-8" if format.media.startswith("text/") else format.media


def _word(part: Any) -> str:
    """Letters, digits and what no system takes for something else."""
    text = part if isinstance(part, str) else f"{part:%Y-%m-%d}"
    return "".join(
        each if each.isascii() and (each.isalnum() or each in "-_") else "-" for each in text
    )


def refused(error: tables.WrongParameter) -> Invalid:
    """The answer to what the domain refused."""
    prefix = PREFIX if isinstance(error, tables.WrongKey) else ""
    return Invalid([Fault(str(error), parameter=prefix + error.parameter)])
