"""Lists in parts, each of which goes on after the last row of the one before.

The rows that were there at the first part are each seen once, whatever is added or deleted
meanwhile; an offset would repeat some and skip others. One whose sort column changes on the way
may be seen twice or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

# The values of an order's columns in one row.
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Order:
    """The columns that a list is sorted by, all in one direction; together they are unique."""

    columns: tuple[InstrumentedAttribute, ...]
    descending: bool = False

    @property
    def types(self) -> tuple[type, ...]:
        """Python's types of the columns."""
        return tuple(column.type.python_type for column in self.columns)

    def key(self, row: Any) -> Key:
        """Return where in the list a row is; it has attributes of the columns' names."""
        return tuple(getattr(row, column.key) for column in self.columns)

    def apply(self, statement: Select, part: Part) -> Select:
        """Sort a statement's rows, and leave those of a part."""
        if part.after is not None:
            here = tuple_(*self.columns)
            statement = statement.where(here < part.after if self.descending else here > part.after)
        ordered = [column.desc() if self.descending else column for column in self.columns]
        return statement.order_by(*ordered).limit(part.limit)


@dataclass(frozen=True)
class Part:
    """At most ``limit`` rows after the one with the key ``after``, or from the first one on."""

    limit: int
    after: Key | None = None


def named(orders: Mapping[str, Order], name: str) -> Order:
    """Return the order of a name such as ``name``, or ``-name`` for its reverse."""
    order = orders[name.removeprefix("-")]
    return Order(order.columns, not order.descending) if name.startswith("-") else order
