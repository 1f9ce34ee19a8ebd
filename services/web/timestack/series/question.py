"""What is asked of a hypertable, checked against what is declared of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from timestack.series import catalog

# What becomes of the rows of key columns that are not asked for.
OVER_KEYS = ("rows", "sum", "each")


class UnknownSeries(LookupError):
    """No such hypertable, key or value is declared in hypertables.yaml."""


@dataclass(frozen=True)
class Shape:
    """What the text of a statement depends on: columns, and how many keys of each are asked for."""

    sizes: tuple[tuple[str, int], ...]
    summed: tuple[str, ...]
    value: str

    @property
    def names(self) -> list[str]:
        """The key columns that are asked for."""
        return [name for name, _ in self.sizes]


@dataclass(frozen=True)
class Question:
    """The series of ``keys`` over ``start <= time < end``, ``points`` long or up to twice that.

    ``keys`` has a list of values for each key column asked for; ``summed`` are the other key
    columns, where their series are added up. With ``apart`` rows of all keys are points of their
    own while there are few enough. ``bucket`` is the width of a bucket where that is asked for.
    """

    keys: Mapping[str, Sequence[Any]]
    summed: tuple[str, ...]
    value: str
    start: datetime
    end: datetime
    points: int
    apart: bool = False
    bucket: timedelta | None = None

    @property
    def step(self) -> timedelta:
        """The time from one point to the next, as asked for."""
        return self.bucket or (self.end - self.start) / self.points

    @property
    def shape(self) -> Shape:
        """What its statement depends on."""
        sizes = tuple((name, len(values)) for name, values in self.keys.items())
        return Shape(sizes, self.summed, self.value)


def ask(
    table: str,
    hypertable: catalog.Hypertable,
    keys: Mapping[str, Any],
    start: datetime,
    end: datetime,
    points: int,
    *,
    value: str | None,
    over_keys: str,
    bucket: timedelta | None = None,
) -> Question:
    """Return the question that the arguments of ``query`` make; raises as ``query`` does."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must have a time zone")
    if end <= start:
        raise ValueError(f"end {end} is not after start {start}")
    if points < 1:
        raise ValueError(f"points must be at least 1, not {points}")
    if over_keys not in OVER_KEYS:
        raise ValueError(f"over_keys must be {' or '.join(OVER_KEYS)}, not {over_keys}")
    if bucket is not None and bucket <= timedelta(0):
        raise ValueError(f"bucket must be longer than {bucket}")
    unknown = sorted(set(keys) - {name for _, name in hypertable.columns()})
    if unknown:
        raise UnknownSeries(f"`{table}` declares no key `{', '.join(unknown)}`")
    value = _value(table, hypertable, value)
    summed = _summed(table, hypertable, set(keys), value) if over_keys == "sum" else ()
    asked = {name: several(given) for name, given in keys.items()}
    return Question(asked, summed, value, start, end, points, over_keys == "each", bucket)


def _value(table: str, hypertable: catalog.Hypertable, value: str | None) -> str:
    declared = sorted({column for rollup in hypertable.rollups for column in rollup.values})
    if value is None and len(declared) == 1:
        return declared[0]
    if value not in declared:
        which = f"no value `{value}`" if value else "several values"
        raise UnknownSeries(f"`{table}` declares {which}: choose one of {', '.join(declared)}")
    return value


def _summed(
    table: str, hypertable: catalog.Hypertable, asked: set[str], value: str
) -> tuple[str, ...]:
    """The key columns that are added up over: all of the table's that were not asked for."""
    able = [set(rollup.keys) for rollup in hypertable.rollups if value in rollup.values]
    keys = hypertable.unique_keys or max(able, key=len, default=set())
    if not asked <= keys or not keys:
        raise UnknownSeries(f"`{table}` declares no `unique` with the keys to add up")
    return tuple(sorted(keys - asked))


def several(given: Any) -> list[Any]:
    """The values that a key column is asked for, of one value or several."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given]
    return list(given)
