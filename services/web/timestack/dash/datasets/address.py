"""What an address of the Datasets page asks for."""

from __future__ import annotations

from dataclasses import dataclass

from timestack.dash.address import Parameters


@dataclass(frozen=True)
class Address(Parameters):
    """One ``dataset``, by its name or id, or an ``upload`` to make one of; both None: all."""

    dataset: str | None = None
    upload: str | None = None
