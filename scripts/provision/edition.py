"""What an edition of TimescaleDB must offer: each is one module that has these functions.

``apache.py`` keeps rollups and retentions by functions and triggers of ours, ``timescale.py`` by
TimescaleDB's own continuous aggregates and policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from scripts.provision.aggregates import Level
from scripts.provision.functions import Function
from scripts.provision.state import State, Trigger
from scripts.provision.steps import Step
from timestack.series.catalog import Catalog, Hypertable


class Edition(Protocol):
    """One edition. ``state`` is what the database has; steps lead from there to the catalog."""

    def functions(self, catalog: Catalog, state: State) -> Iterator[Function]:
        """The functions in the schema ``timestack`` that the catalog asks for."""

    def triggers(self, table: Hypertable) -> dict[str, tuple[str, Trigger]]:
        """Name -> event, and the entry in the system catalogs, for each trigger of a table."""

    def create_rollup(self, level: Level) -> tuple[str, ...]:
        """Statements that make one level, empty."""

    def same_rollup(self, level: Level, state: State) -> bool:
        """Whether the existing level is the declared one."""

    def rollup_details(self, level: Level, state: State) -> Iterator[Step]:
        """Steps to what else belongs to an existing level."""

    def fill_rollups(self, name: str, table: Hypertable, remade: list[str]) -> Iterator[Step]:
        """Steps that compute the levels just made from all rows."""

    def policies(self, catalog: Catalog, state: State) -> Iterator[Step]:
        """Steps to what TimescaleDB does by itself at intervals."""

    def notes(self, catalog: Catalog) -> Iterator[str]:
        """What the file declares and this edition lacks."""
