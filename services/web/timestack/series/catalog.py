"""hypertables.yaml as a model: what each hypertable is, validated with file, line and key.

The file is read by provisioning, which makes the database so, and by ``series.query``, which
must know the rollups. ``load`` reports every fault at once.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
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

from timestack.series.sql import interval_text

SUFFIXES = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
INTERVAL = r"^[1-9][0-9]* (second|minute|hour|day|week)s?$"
IDENTIFIER = r"^[a-z_][a-z0-9_]*$"
ORDERED_COLUMN = r"^[a-z_][a-z0-9_]*( (asc|desc))?$"

# The function that refreshes it is named `refresh_<rollup>`, and a name has 63 bytes at most.
LONGEST_ROLLUP = 55

Fault = tuple[tuple[str | int, ...], str]


class CatalogError(Exception):
    """The file cannot be used; ``faults`` holds one ``file:line: key: message`` per fault."""

    def __init__(self, faults: list[str]):
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def _interval(value: object) -> timedelta:
    if not isinstance(value, str) or not re.fullmatch(INTERVAL, value):
        raise ValueError(
            f"{value!r} is no interval: write a count and second, minute, hour, day or week, "
            "such as `7 days`; months and years have no fixed length"
        )
    count, unit = value.split()
    return timedelta(seconds=int(count) * _SECONDS[unit.removesuffix("s")])


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
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER, max_length=63)]
OrderedColumn = Annotated[str, StringConstraints(pattern=ORDERED_COLUMN, max_length=68)]
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

    Columns: ``bucket`` (its start, UTC), the keys, ``n`` (rows), and for each value ``v``:
    ``v_n`` (not null), ``v_sum``, ``v_min``, ``v_max``, ``v_first``, ``v_last``.
    """

    name: Identifier | None = Field(
        None,
        description="tables are <name>_<level>; default: the hypertable's name, and `_total` added "
        "where there are no keys",
    )
    keys: Columns = Field(description="a row per bucket and value of these; [] is the total")
    values: Annotated[Columns, Field(min_length=1)]
    levels: Annotated[list[Interval], Field(min_length=1), AfterValidator(_distinct)]

    def table(self, source: str, level: timedelta) -> str:
        """Name of one level's table, such as ``readings_1d``."""
        name = self.name or (source if self.keys else f"{source}_total")
        return f"{name}_{suffix(level)}"

    def tables(self, source: str) -> dict[timedelta, str]:
        """Each level's width and table, finest first."""
        return {level: self.table(source, level) for level in self.levels}


class Table(_Entry):
    """A plain table: it comes from a migration; only who may use it is declared here."""

    grants: Grants = Field(default_factory=dict)
    account_column: Identifier | None = Field(
        None,
        description="row-level security: a role sees the rows whose column equals the setting "
        "timestack.account, and no others",
    )

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each column that is named, with the place in the file that names it."""
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

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each column that is named, with the place in the file that names it."""
        yield ("time",), self.time
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
        """What each key alone cannot show: keys that contradict one another."""
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
                yield ("lateness",), "says nothing without `rollups`"
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
        for lower, upper in zip(rollup.levels, rollup.levels[1:], strict=False):
            if upper <= lower or upper % lower:
                yield (
                    (*place, "levels"),
                    f"`{interval_text(upper)}` is no multiple of the level below it, "
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

    # Where each key stands, for faults that only show beside a database; none when not parsed.
    _file: str = PrivateAttr("")
    _lines: dict[tuple[str | int, ...], int] = PrivateAttr(default_factory=dict)

    def where(self, *path: str | int) -> str:
        """``file:line: key`` of an entry; only the key where no file was read."""
        key = ".".join(map(str, path))
        if not self._lines:
            return key
        return f"{self._file}:{_line(self._lines, path)}: {key}"

    def faults(self) -> Iterator[Fault]:
        """Names that more than one entry claims."""
        owner = {name: f"hypertable `{name}`" for name in self.hypertables}
        for name in self.tables:
            if name in owner:
                yield ("tables", name), f"is declared as {owner[name]} as well"
            owner[name] = f"table `{name}`"
        for source, table in self.hypertables.items():
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
    """Whether ``time desc`` is what the entry says."""
    return ordered.endswith(" desc")


def suffix(level: timedelta) -> str:
    """``timedelta(hours=1)`` -> ``1h``."""
    seconds = round(level.total_seconds())
    unit, size = next((unit, size) for unit, size in SUFFIXES.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _places(node: yaml.Node | None, path: tuple[str | int, ...] = ()) -> Iterator[tuple]:
    """(path, line, key node) of every key and item, duplicates included."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _places(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*path, number)
            yield here, value.start_mark.line + 1
            yield from _places(value, here)


def _line(lines: dict[tuple, int], path: tuple) -> int:
    # A key that is missing has no line: its nearest parent that stands in the file has.
    prefixes = (path[:end] for end in range(len(path), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), 1)


def _message(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "string_pattern_mismatch":
        return {
            IDENTIFIER: "is no name: use lower-case letters, digits and underscores",
            ORDERED_COLUMN: "is no column: write its name, then `asc` or `desc` if wanted",
        }[error["ctx"]["pattern"]]
    return error["msg"].removeprefix("Value error, ")


def _entries(data: dict[str, Any]) -> Iterator[tuple[tuple[str, str], type[_Entry], Any]]:
    for section, model in (("hypertables", Hypertable), ("tables", Table)):
        entries = data.get(section)
        if isinstance(entries, dict):
            for name, entry in entries.items():
                yield (section, str(name)), model, entry


def parse(text: str, file: str = "hypertables.yaml") -> Catalog:
    """Return the catalog that ``text`` declares. Raises CatalogError with every fault."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else file
        raise CatalogError([f"{where}: not YAML: {getattr(error, 'problem', error)}"]) from None
    places = list(_places(node))
    faults: list[tuple[int, tuple, str]] = []
    lines: dict[tuple, int] = {}
    for path, line in places:
        if path in lines:
            faults.append((line, path, f"is written twice, first in line {lines[path]}"))
        lines.setdefault(path, line)

    def add(path: tuple, message: str) -> None:
        faults.append((_line(lines, path), path, message))

    try:
        catalog = Catalog.model_validate(data if data is not None else {})
    except ValidationError as error:
        catalog = None
        for each in error.errors():
            # A key that fails its pattern is reported at `[key]` after its own name.
            add(tuple(part for part in each["loc"] if part != "[key]"), _message(each))
    # Tables are looked at one by one, so that a fault in one hides none in the others.
    for place, model, entry in _entries(data if isinstance(data, dict) else {}):
        try:
            table = model.model_validate(entry)
        except ValidationError:
            continue
        if isinstance(table, Hypertable):
            for path, message in table.faults():
                add((*place, *path), message)
    for path, message in catalog.faults() if catalog else ():
        add(path, message)
    if faults or catalog is None:
        raise CatalogError(
            [
                f"{file}:{line}: {'.'.join(map(str, path)) or 'the file'}: {message}"
                for line, path, message in sorted(faults, key=lambda fault: fault[0])
            ]
        )
    catalog._file, catalog._lines = file, lines
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
    return parse(text, str(path))


@lru_cache(maxsize=8)
def current(path: Path | None = None) -> Catalog:
    """The catalog of this process: of ``path``, default the setting SCHEMA_FILE.

    Read once: the file is part of the image and does not change under a running process.
    Raises CatalogError with every fault.
    """
    return load(path or Path(os.environ.get("SCHEMA_FILE", "/app/schema/hypertables.yaml")))


def json_schema() -> dict[str, Any]:
    """The file's JSON schema, with which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Timestack hypertables",
        **Catalog.model_json_schema(),
    }
