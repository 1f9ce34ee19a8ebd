"""Which series a hypertable has: its values, its keys, and the table that a key refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import UniqueConstraint

from timestack.models import Base
from timestack.series import catalog


@dataclass(frozen=True)
class Referred:
    """The table that has a row for each value of a key column, such as that of the sensors.

    ``id`` is the column that is referred to; ``label`` are the columns by which people know a row.
    """

    table: str
    id: str
    columns: tuple[str, ...]
    label: tuple[str, ...]

    @property
    def has_unit(self) -> bool:
        """Whether its rows say in which unit the values are."""
        return "unit" in self.columns


def values(table: str, declared: catalog.Catalog) -> list[str]:
    """Return the columns that can be looked at: those of rollups, and others with bounds."""
    hypertable = declared.hypertables[table]
    rolled = [column for rollup in hypertable.rollups for column in rollup.values]
    bounded = [column for column in hypertable.bounds if column != hypertable.time]
    return list(dict.fromkeys(rolled or bounded))


def keys(table: str, value: str | None, declared: catalog.Catalog) -> tuple[str, ...]:
    """Return the columns that tell the series of a value apart."""
    rollup = rollup_of(table, value, declared)
    return tuple(rollup.keys if rollup else sorted(declared.hypertables[table].unique_keys))


def rollup_of(table: str, value: str | None, declared: catalog.Catalog) -> catalog.Rollup | None:
    """Return the rollup that has a value with the most keys; of rows without keys that of all."""
    hypertable = declared.hypertables[table]
    apart = [each for each in hypertable.rollups if each.keys or not hypertable.unique_keys]
    able = [each for each in apart if value in (None, *each.values)]
    return max(able, key=lambda each: len(each.keys), default=None)


def referred(table: str, keys: Sequence[str]) -> Referred | None:
    """Return the table that the one key of a hypertable refers to; None without one."""
    model = Base.metadata.tables.get(table)
    column = model.columns.get(keys[0]) if model is not None and len(keys) == 1 else None
    reference = next(iter(column.foreign_keys), None) if column is not None else None
    if reference is None:
        return None
    other = reference.column.table
    unique = [
        tuple(each.name for each in constraint.columns)
        for constraint in other.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    unique += [(each.name,) for each in other.columns if each.unique]
    id = reference.column.name
    return Referred(
        table=other.name,
        id=id,
        columns=tuple(other.columns.keys()),
        label=min(unique, default=(id,)),
    )
