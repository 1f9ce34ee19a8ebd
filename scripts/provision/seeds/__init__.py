"""Real data for a first look, one module per domain; each loads in one transaction, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Seed:
    """``load`` fills ``table`` from ``file`` and returns the number of rows of that table."""

    id: str
    table: str
    file: str
    source: str
    load: Callable[[Cursor, Path], int]
