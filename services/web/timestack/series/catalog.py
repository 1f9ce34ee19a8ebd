"""hypertables.yaml as a model: what each hypertable is, validated with file, line and key.

The file is read by provisioning, which makes the database so, and by ``series.query``, which
must know the rollups. ``load`` reports every fault at once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from timestack.series.functions import LONGEST_ROLLUP, LONGEST_WITH_RETENTION
from timestack.series.sql import UNITS, fill, finite, interval_text, literal
from timestack.settings import SCHEMA_IN_IMAGE, schema_file
from timestack.validation import Document, Fault, NotYaml, message

DAY = timedelta(days=1)
SUFFIXES = {unit[0]: seconds for unit, seconds in UNITS.items()}
_SECONDS = {**UNITS, "week": 7 * UNITS["day"]}
INTERVAL = r"^[1-9][0-9]* (second|minute|hour|day|week)s?$"
IDENTIFIER = r"^[a-z_][a-z0-9_]*$"
ORDERED_COLUMN = r"^[a-z_][a-z0-9_]*( (asc|desc))?$"

# Messages name the file where a person can change it, not its copy in the image.
IN_CLONE = "services/timescaledb/schema/hypertables.yaml"


class CatalogError(Exception):
    """The file cannot be used; ``faults`` holds one ``file:line: key: message`` per fault."""

    def __init__(self, faults: list[str]):
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def _interval(value: object) -> timedelta:
    if not isinstance(value, str) or not re.fullmatch(INTERVAL, value):
        raise ValueError(
            f"{value!r} is not an interval: write a count and second, minute, hour, day or week, "
            "such as `7 days`; months and years have no fixed length"
        )
    count, unit = value.split()
    try:
        return timedelta(seconds=int(count) * _SECONDS[unit.removesuffix("s")])
    except (OverflowError, ValueError):
        raise ValueError("is longer than a million years") from None


@dataclass(frozen=True)
class Bounds:
    """The values that a column accepts: ``low <= value <= high``, of times ``low <= t < high``.

    Both are UTC days of a time column, numbers of another. Both are None where only NaN, infinities
    and what cannot be added up are refused. A null is never refused.
    """

    low: date | float | None
    high: date | float | None

    @property
    def of_time(self) -> bool:
        return isinstance(self.low, date)

    def condition(self, column: str) -> str:
        """The bounds as SQL, for a CHECK."""
        if self.low is None:
            return finite(column)
        if self.of_time:
            low, high = (literal(f"{day} 00:00:00+00") for day in (self.low, self.high))
            comparison = "{column} >= {sql_low} and {column} < {sql_high}"
        else:
            low, high = _number(self.low), _number(self.high)
            comparison = "{column} >= {sql_low} and {column} <= {sql_high}"
        return fill(comparison, column=column, sql_low=low, sql_high=high)

    def __str__(self) -> str:
        if self.low is None:
            return "finite"
        if self.of_time:
            return f"from {self.low} to before {self.high}"
        return f"from {_number(self.low)} to {_number(self.high)}"


def _number(value: float) -> str:
    # A whole number is compared with whole numbers as one, not by way of numeric.
    return str(int(value)) if value.is_integer() and abs(value) < 2**63 else repr(value)


# The limits of all pages, declared or not: Python's own times end at the years 1 and 9999, and
# a range needs room to either side.
EARLIEST_DAY, LATEST_DAY = date(100, 1, 1), date(9900, 1, 1)
BOUNDS = (
    "write two days of a time, such as `[1900-01-01, 2200-01-01]`, two numbers of a value, such as "
    "`[0, 100]`, or `finite` to refuse only NaN and infinities"
)


def _bounds(value: object) -> Bounds:
    if value == "finite":
        return Bounds(None, None)
    ends = [_end(each) for each in value] if isinstance(value, list) else []
    if len(ends) != 2 or None in ends or isinstance(ends[0], date) != isinstance(ends[1], date):
        raise ValueError(f"is not a range: {BOUNDS}")
    low, high = ends
    if not low < high:
        raise ValueError("must begin with the lesser of its two ends")
    if isinstance(low, date) and not EARLIEST_DAY <= low < high <= LATEST_DAY:
        raise ValueError(f"must be days from {EARLIEST_DAY} to {LATEST_DAY}")
    return Bounds(low, high)


def _end(value: object) -> date | float | None:
    """A day, or a finite number as YAML gives it, which reads `1e9` as text; else None."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone, such as `Europe/Paris`") from None
    return name


@lru_cache(maxsize=64)
def divides(width: timedelta, zone: str) -> bool:
    """Whether buckets of a width in UTC never lie across a zone's midnight, since 1970."""
    local = ZoneInfo(zone)
    days = (datetime(1970, 1, 1, tzinfo=UTC) + n * DAY for n in range(365 * 70))
    return not any(offset % width for offset in {day.astimezone(local).utcoffset() for day in days})


def _distinct(values: list[str]) -> list[str]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"named twice: {', '.join(map(str, twice))}")
    return values


Interval = Annotated[
    timedelta,
    BeforeValidator(_interval),
    WithJsonSchema({"type": "string", "pattern": INTERVAL, "examples": ["1 hour", "7 days"]}),
]
Range = Annotated[
    Bounds,
    BeforeValidator(_bounds),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "finite"},
                {
                    "type": "array",
                    "items": {"type": "string", "format": "date"},
                    "minItems": 2,
                    "maxItems": 2,
                },
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            ],
            "examples": [["1900-01-01", "2200-01-01"], [0, 100], "finite"],
        }
    ),
]
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER, max_length=63)]
OrderedColumn = Annotated[str, StringConstraints(pattern=ORDERED_COLUMN, max_length=68)]
Zone = Annotated[str, AfterValidator(_zone)]
Columns = Annotated[list[Identifier], AfterValidator(_distinct)]
OrderedColumns = Annotated[list[OrderedColumn], Field(min_length=1), AfterValidator(_distinct)]
Privilege = Literal["select", "insert", "update", "delete", "truncate"]
Grants = dict[Identifier, Annotated[list[Privilege], AfterValidator(_distinct)]]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Partition(_Entry):
    """A second dimension: rows of one value of ``column`` stay in one of ``count`` partitions."""

    column: Identifier
    count: int = Field(ge=2, le=32767)


class Columnstore(_Entry):
    """Chunks older than ``after`` are turned into columns (Community edition only)."""

    after: Interval
    segment_by: Columns = Field(default_factory=list)
    order_by: OrderedColumns | None = Field(None, description="default: by time, newest first")


class Rollup(_Entry):
    """Aggregates per bucket and key set, on one or more levels, each computed from the one below.

    Days are UTC days, and weeks those of Mondays at 00:00 UTC, unless there is a ``timezone``.
    Columns: ``bucket`` (its start, UTC), the keys, ``n`` (rows), and for each value ``v``:
    ``v_n`` (neither null nor NaN nor infinite), and of those ``v_sum``, ``v_min``, ``v_max``,
    ``v_first``, ``v_last``.
    """

    name: Identifier | None = Field(
        None,
        description="tables are <name>_<level>; default: the hypertable's name, and `_total` added "
        "where there are no keys",
    )
    keys: Columns = Field(description="a row per bucket and value of these; [] is the total")
    values: Annotated[Columns, Field(min_length=1)]
    levels: Annotated[list[Interval], Field(min_length=1), AfterValidator(_distinct)] = Field(
        description="the width of each level's buckets; a day is a UTC day, see `timezone`"
    )
    timezone: Zone | None = Field(
        None,
        description="levels of a day and more begin at this zone's midnight, such as that of "
        "Europe/Paris, and a day has 23 or 25 hours where its clocks change; default: UTC. Where "
        "the zone's offset since 1970 is not a multiple of the level below, as the half hour of "
        "Asia/Kolkata above a level of hours, days are computed from the rows instead",
    )

    def table(self, source: str, level: timedelta) -> str:
        """Name of one level's table, such as ``readings_1d``."""
        name = self.name or (source if self.keys else f"{source}_total")
        return f"{name}_{suffix(level)}"

    def tables(self, source: str) -> dict[timedelta, str]:
        """Each level's width and table, finest first."""
        return {level: self.table(source, level) for level in self.levels}


class Table(_Entry):
    """A plain table: it comes from a migration; who may use it, and how, is declared here."""

    grants: Grants = Field(default_factory=dict)
    account_column: Identifier | None = Field(
        None,
        description="row-level security: a role sees the rows whose column equals the setting "
        "timestack.account, and no others",
    )
    load: bool = Field(
        False, description="`make load` may fill it, as it may every hypertable; default: no"
    )

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each column that the entry names, with its place in the file."""
        if self.account_column:
            yield ("account_column",), self.account_column


class Hypertable(_Entry):
    """A table partitioned by time. Its columns come from a migration, all else from here.

    There is no row-level security: chunks do not inherit it, and who may read a hypertable may
    read its chunks.
    """

    grants: Grants = Field(default_factory=dict)
    time: Identifier
    chunk_interval: Interval
    bounds: dict[Identifier, Range] = Field(
        default_factory=dict,
        description="what the database itself accepts in a column, from every writer: of the time "
        "column two UTC days, from the first to before the second; of a value two numbers, both "
        "inclusive, or `finite`, which refuses NaN and infinities; rows that are there already "
        "stay, and `make doctor` names them",
    )
    partition: Partition | None = None
    unique: OrderedColumns | None = Field(None, description="holds the time column")
    indexes: list[OrderedColumns] = Field(default_factory=list)
    columnstore: Columnstore | None = None
    retention: Interval | None = Field(None, description="chunks older than this are dropped")
    rollups: list[Rollup] = Field(default_factory=list)
    lateness: Interval | None = Field(
        None,
        description="a change to rows older than this reaches the rollups only when a full refresh "
        "is asked for; default: every change does, however old",
    )
    admins_only: bool = Field(
        False,
        description="over the API and on the Datasets page, only administrators read it; default: "
        "whoever is logged in. `grants` are for roles of the database",
    )

    @property
    def unique_keys(self) -> frozenset[str]:
        """The columns of ``unique`` but the time: they tell rows of one time apart."""
        return frozenset(map(name_of, self.unique or ())) - {self.time}

    @property
    def keys(self) -> frozenset[str]:
        """The columns that tell its series apart: those of ``unique`` and of the rollups."""
        return self.unique_keys.union(*(rollup.keys for rollup in self.rollups))

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each column that the entry names, with its place in the file."""
        yield ("time",), self.time
        for column in self.bounds:
            yield ("bounds", column), column
        if self.partition:
            yield ("partition", "column"), self.partition.column
        for column in self.unique or ():
            yield ("unique",), name_of(column)
        for number, index in enumerate(self.indexes):
            for column in index:
                yield ("indexes", number), name_of(column)
        if self.columnstore:
            for column in self.columnstore.segment_by:
                yield ("columnstore", "segment_by"), column
            for column in self.columnstore.order_by or ():
                yield ("columnstore", "order_by"), name_of(column)
        for number, rollup in enumerate(self.rollups):
            for column in rollup.keys:
                yield ("rollups", number, "keys"), column
            for column in rollup.values:
                yield ("rollups", number, "values"), column

    def faults(self) -> Iterator[Fault]:
        """Faults that no single key shows: keys that contradict one another."""
        for column, bounds in self.bounds.items():
            if bounds.of_time != (column == self.time):
                kind = "two days" if column == self.time else "two numbers or `finite`"
                yield ("bounds", column), f"must be {kind}"
        unique = [name_of(column) for column in self.unique or ()]
        if unique and self.time not in unique:
            yield (
                ("unique",),
                f"must hold the time column `{self.time}`: a chunk knows no other chunk's rows",
            )
        if self.partition:
            if self.partition.column == self.time:
                yield ("partition", "column"), "is the time column: choose a key such as a sensor"
            if unique and self.partition.column not in unique:
                yield ("unique",), f"must hold the partition column `{self.partition.column}`"
        if self.columnstore and self.retention and self.columnstore.after >= self.retention:
            yield ("columnstore", "after"), "must be shorter than `retention`"
        yield from self._lateness_faults()
        for number, rollup in enumerate(self.rollups):
            yield from self._rollup_faults(number, rollup)

    def _lateness_faults(self) -> Iterator[Fault]:
        if not self.rollups:
            if self.lateness:
                yield ("lateness",), "has no effect without `rollups`"
            return
        longest = max(rollup.levels[-1] for rollup in self.rollups)
        if self.lateness and self.lateness < 3 * longest:
            # A refresh policy covers at least two buckets beside the one that is filling.
            yield ("lateness",), f"must be at least three times `{interval_text(longest)}`"
        if self.retention:
            if self.lateness is None:
                yield (
                    ("rollups",),
                    "need `lateness`, because the table has `retention`: rows that are gone cannot "
                    "be counted again",
                )
            elif self.lateness + longest > self.retention:
                yield (
                    ("lateness",),
                    f"must be shorter than `retention` by the longest level, "
                    f"`{interval_text(longest)}`",
                )

    def _rollup_faults(self, number: int, rollup: Rollup) -> Iterator[Fault]:
        place = ("rollups", number)
        if rollup.timezone:
            whole = [level for level in rollup.levels if level >= DAY]
            if not whole:
                yield (*place, "timezone"), "has no effect without a level of a day or more"
            elif any(level % DAY for level in whole):
                yield (*place, "levels"), "of a day or more must be whole days with a `timezone`"
        for lower, upper in zip(rollup.levels, rollup.levels[1:], strict=False):
            if upper <= lower or upper % lower:
                yield (
                    (*place, "levels"),
                    f"`{interval_text(upper)}` is not a multiple of the level below it, "
                    f"`{interval_text(lower)}`",
                )
        if self.time in rollup.keys or set(rollup.keys) & set(rollup.values):
            yield (*place, "keys"), "must hold neither the time column nor a value"
        if self.time in rollup.values:
            yield (*place, "values"), f"must not hold the time column `{self.time}`"


class Catalog(_Entry):
    """The whole file: what the database is, beyond the columns that migrations make."""

    hypertables: dict[Identifier, Hypertable]
    tables: dict[Identifier, Table] = Field(default_factory=dict)

    # For faults that only a database shows; None when not parsed.
    _document: Document | None = PrivateAttr(None)

    def loadable(self) -> set[str]:
        """The tables that files may be loaded into."""
        return {*self.hypertables, *(name for name, table in self.tables.items() if table.load)}

    def where(self, *path: str | int) -> str:
        """``file:line: key`` of an entry; only the key where no file was read."""
        return self._document.where(path) if self._document else ".".join(map(str, path))

    def span(self, name: str) -> tuple[datetime, datetime]:
        """The first time and the end (exclusive) of the rows that pages show, in UTC.

        It is the declared bounds, else what Python's own times hold with room to spare.
        """
        table = self.hypertables.get(name)
        declared = table.bounds.get(table.time) if table else None
        days = (declared.low, declared.high) if declared else (EARLIEST_DAY, LATEST_DAY)
        first, last = (datetime.combine(day, time(), UTC) for day in days)
        return first, last

    def faults(self) -> Iterator[Fault]:
        """Names that more than one entry claims."""
        owner = {name: f"hypertable `{name}`" for name in self.hypertables}
        for name in self.tables:
            if name in owner:
                yield ("tables", name), f"is declared as {owner[name]} as well"
            owner[name] = f"table `{name}`"
        for source, table in self.hypertables.items():
            if table.retention and len(source) > LONGEST_WITH_RETENTION:
                what = f"`{source}` is longer than {LONGEST_WITH_RETENTION} characters"
                yield ("hypertables", source), f"{what}, too long for a retention"
            for number, rollup in enumerate(table.rollups):
                place = ("hypertables", source, "rollups", number)
                for name in rollup.tables(source).values():
                    if len(name) > LONGEST_ROLLUP:
                        yield place, f"`{name}` is longer than {LONGEST_ROLLUP} characters"
                    if name in owner:
                        yield place, f"its table `{name}` is {owner[name]} already: add a `name`"
                    owner[name] = f"a rollup of `{source}`"


def name_of(ordered: str) -> str:
    """``time desc`` -> ``time``."""
    return ordered.split()[0]


def descends(ordered: str) -> bool:
    """Whether the entry is descending, such as ``time desc``."""
    return ordered.endswith(" desc")


def suffix(level: timedelta) -> str:
    """``timedelta(hours=1)`` -> ``1h``."""
    seconds = round(level.total_seconds())
    unit, size = next((unit, size) for unit, size in SUFFIXES.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _message(error: dict[str, Any]) -> str:
    if error["type"] == "string_pattern_mismatch":
        return {
            IDENTIFIER: "is not a name: use lower-case letters, digits and underscores",
            ORDERED_COLUMN: "is not a column: write its name, then `asc` or `desc` if wanted",
        }[error["ctx"]["pattern"]]
    return message(error)


def _entries(data: dict[str, Any]) -> Iterator[tuple[tuple[str, str], type[_Entry], Any]]:
    for section, model in (("hypertables", Hypertable), ("tables", Table)):
        entries = data.get(section)
        if isinstance(entries, dict):
            for name, entry in entries.items():
                yield (section, str(name)), model, entry


def parse(text: str, file: str = "hypertables.yaml") -> Catalog:
    """Return the catalog that ``text`` declares. Raises CatalogError with every fault."""
    try:
        document = Document(text, file)
    except NotYaml as error:
        raise CatalogError([str(error)]) from None
    data = document.data
    faults = list(document.twice)
    try:
        catalog = Catalog.model_validate(data if data is not None else {})
    except ValidationError as error:
        catalog = None
        for each in error.errors():
            # A key that fails its pattern is reported at `[key]` after its own name.
            place = tuple(part for part in each["loc"] if part != "[key]")
            faults.append((place, _message(each)))
    # Tables are checked one by one, so that a fault in one hides none in the others.
    for place, model, entry in _entries(data if isinstance(data, dict) else {}):
        try:
            table = model.model_validate(entry)
        except ValidationError:
            continue
        if isinstance(table, Hypertable):
            faults += [((*place, *path), what) for path, what in table.faults()]
    faults += catalog.faults() if catalog else ()
    if faults or catalog is None:
        raise CatalogError(document.listed(faults))
    catalog._document = document
    return catalog


def load(path: Path) -> Catalog:
    """Read and validate a file. Raises CatalogError with every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        why = f"{path}: {error.strerror}: set SCHEMA_FILE to the schema file"
        raise CatalogError([why]) from None
    except UnicodeDecodeError as error:
        raise CatalogError([f"{path}: byte {error.start}: not UTF-8"]) from None
    return parse(text, IN_CLONE if path == SCHEMA_IN_IMAGE else str(path))


@lru_cache(maxsize=8)
def current(path: Path | None = None) -> Catalog:
    """The catalog of this process: of ``path``, default the setting SCHEMA_FILE.

    Read once: the file is part of the image and does not change under a running process.
    Raises CatalogError with every fault.
    """
    return load(path or schema_file())


def json_schema() -> dict[str, Any]:
    """The file's JSON schema, with which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Timestack hypertables",
        **Catalog.model_json_schema(),
    }
