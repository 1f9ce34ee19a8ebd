"""What a database is, as far as a plan compares it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from timestack.series.edition import Edition


@dataclass(frozen=True)
class Relation:
    row_security: bool
    comment: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Dimensions:
    time: str
    # None where the table is partitioned by whole numbers.
    chunk_interval: timedelta | None
    partition: tuple[str, int] | None


@dataclass(frozen=True)
class Index:
    """``columns`` like ``time desc``; None for an index that the file cannot describe."""

    columns: tuple[str, ...] | None
    unique: bool
    constraint: bool
    definition: str


@dataclass(frozen=True)
class Check:
    """A declared bound as the database has it; not ``validated`` it holds for new rows alone."""

    comment: str
    validated: bool


@dataclass(frozen=True)
class Chunk:
    """From when to before when a chunk has rows: seconds since 1970, infinite where it is open.

    ``name`` is with its schema, and quoted.
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Trigger:
    function: str
    arguments: tuple[str, ...]
    enabled: bool


@dataclass(frozen=True)
class RowPolicy:
    """Whose rows a role sees: the conditions as PostgreSQL prints them."""

    roles: frozenset[str]
    command: str
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Policy:
    """A background job of TimescaleDB: its intervals by name, None where there is no limit."""

    config: dict[str, timedelta | None]
    every: timedelta


@dataclass(frozen=True)
class Role:
    login: bool
    attributes: frozenset[str]
    member_of: frozenset[str]
    settings: frozenset[str]


@dataclass
class State:
    """All that a plan compares. Names are without schema: tables are in ``public``."""

    edition: Edition
    relations: dict[str, Relation] = field(default_factory=dict)
    hypertables: dict[str, Dimensions] = field(default_factory=dict)
    # In order of time.
    chunks: dict[str, list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    in_columnstore: set[str] = field(default_factory=set)
    # Of tables with rows that are not hypertables yet, once a plan has looked.
    chunks_to_be: dict[str, int] = field(default_factory=dict)
    # In seconds since 1970, as those of a chunk.
    oldest_bucket: dict[str, float | None] = field(default_factory=dict)
    bounds: dict[str, dict[str, Check]] = field(default_factory=lambda: defaultdict(dict))
    # Tables and columns that have rows outside of what is declared, once a plan has looked.
    outside: set[tuple[str, str]] = field(default_factory=set)
    indexes: dict[str, dict[str, Index]] = field(default_factory=lambda: defaultdict(dict))
    # None for a function that no longer runs as its owner.
    functions: dict[str, str | None] = field(default_factory=dict)
    executors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    triggers: dict[str, dict[str, Trigger]] = field(default_factory=lambda: defaultdict(dict))
    grants: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    sequences: dict[str, str] = field(default_factory=dict)
    row_policies: dict[str, dict[str, RowPolicy]] = field(default_factory=lambda: defaultdict(dict))
    continuous_aggregates: dict[str, bool] = field(default_factory=dict)
    policies: dict[tuple[str, str], Policy] = field(default_factory=dict)
    columnstores: dict[str, tuple[str, str]] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    connectable: set[str] = field(default_factory=set)
    executable: dict[str, set[str]] = field(default_factory=dict)
    # None where no server was asked: everything.
    delegable: set[str] | None = None
    own_attributes: frozenset[str] | None = None
    with_rows: set[str] = field(default_factory=set)

    def takeable(self, attributes: frozenset[str]) -> frozenset[str]:
        """Those of a role's attributes that the role that asks may take from it.

        A role takes only what it has itself, and only a superuser changes a superuser.
        """
        if self.own_attributes is None or "superuser" in self.own_attributes:
            return attributes
        return frozenset() if "superuser" in attributes else attributes & self.own_attributes

    def may_delegate(self, names: Iterable[str]) -> list[str]:
        """Those of the predefined roles and functions that the owner may hand on, sorted."""
        return sorted(name for name in names if self.delegable is None or name in self.delegable)

    def expired(self, table: str, retention: timedelta) -> str:
        """What a retention would drop at once, as a sentence; empty when nothing."""
        before = (datetime.now(UTC) - retention).timestamp()
        count = sum(chunk.end <= before for chunk in self.chunks[table])
        return f"drops {count} chunks that are older already" if count else ""


def day(seconds: float) -> str:
    """The day of a time in seconds since 1970, in years that Python's dates lack as well."""
    if not math.isfinite(seconds):
        return "-infinity" if seconds < 0 else "infinity"
    return str(np.datetime64(int(seconds // 86400), "D"))


def is_rollup(relation: Relation) -> bool:
    """Whether apply made the relation as a rollup."""
    return (relation.comment or "").startswith("timestack rollup of ")
