"""How an uploaded file is read, and what each of its columns is in the table made of it.

The preview proposes a layout, a person corrects it, and it is given back in the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    field_validator,
)
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from timestack.domains.load.dialect import DELIMITERS
from timestack.domains.load.times import Order, Unit
from timestack.series.catalog import Zone

# PostgreSQL has 1,600 columns in a table, and a value is six of its rollup.
MOST_COLUMNS = 250
# Behind a name its rollup's table writes the longest of SUFFIXES; PostgreSQL cuts at 63 bytes.
LONGEST_NAME = 40
LONGEST_LABEL = 200
NAME = rf"^[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}$"
# The names of a rollup's own columns (series.catalog.Rollup).
SUFFIXES = ("_n", "_sum", "_min", "_max", "_first", "_last")
# Of PostgreSQL's language, of every table, and of every rollup.
TAKEN = RESERVED_WORDS | {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "bucket", "n"}

Type = Literal["time", "integer", "number", "boolean", "text"]
Role = Literal["time", "key", "value", "ignored"]
# Type -> that of the table's column.
SQL: dict[Type, str] = {
    "time": "timestamptz",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "text": "text",
}


class Column(BaseModel):
    """One column of the file, and of the table.

    ``label`` is what the file calls it, ``name`` what SQL does. The one with the role ``time`` cuts
    the table into chunks; a ``key`` tells series apart; a ``value`` is any other column, and has
    rollups where it is an integer or a number. What is ``ignored`` is not loaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Annotated[str, StringConstraints(max_length=LONGEST_LABEL, pattern=r"^[^\x00]*$")]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    type: Type
    role: Role


class Dialect(BaseModel):
    """How the cells of a file are written.

    ``zone`` is the one that times without an offset are in; None: each has its offset. ``epoch`` is
    the unit of times that are numbers, ``order`` that of dates whose year is last, ``decimal`` what
    precedes a fraction, ``escape`` what precedes a quote within a quoted cell where it is not
    doubled. All times of a file are written in the same way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delimiter: Literal[DELIMITERS] = ","
    header: StrictBool = True
    escape: Literal["\\"] | None = None
    decimal: Literal[".", ","] = "."
    zone: Zone | None = None
    epoch: Unit | None = None
    order: Order | None = None


class Layout(Dialect):
    """The columns of a file, all of them and in its order, and how its cells are written."""

    columns: Annotated[list[Column], Field(min_length=1, max_length=MOST_COLUMNS)]

    @field_validator("columns")
    @classmethod
    def _make_a_table(cls, columns: list[Column]) -> list[Column]:
        if found := faults(columns):
            raise ValueError("; ".join(found))
        return columns

    @property
    def kept(self) -> list[Column]:
        """The columns of the table, in the file's order."""
        return [column for column in self.columns if column.role != "ignored"]

    @property
    def time(self) -> str:
        """The name of the column that cuts the table into chunks."""
        return next(column.name for column in self.columns if column.role == "time")


def faults(columns: Sequence[Column]) -> list[str]:
    """Return why columns cannot be those of one hypertable, none where they can."""
    kept = [column for column in columns if column.role != "ignored"]
    times = [column for column in kept if column.role == "time"]
    names = Counter(column.name for column in kept)
    found = []
    if len(times) != 1:
        found.append(f"exactly one column is the time, and {len(times)} are")
    found += [
        f"{column.name} is the time and its type is {column.type}"
        for column in times
        if column.type != "time"
    ]
    if len(kept) == len(times):
        found.append("nothing is kept beside the time")
    found += [f"two columns are called {name}" for name, count in names.items() if count > 1]
    found += [f"{name} is a word of SQL: choose another name" for name in names if name in TAKEN]
    found += [
        f"{name} is what a rollup of {base} calls a column: choose another name"
        for name in names
        for suffix in SUFFIXES
        if name.endswith(suffix) and (base := name.removesuffix(suffix)) in names
    ]
    return found
