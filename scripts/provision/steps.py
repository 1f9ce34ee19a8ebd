"""What a plan consists of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Action = Literal["create", "change", "drop"]
SIGNS: dict[Action, str] = {"create": "+", "change": "~", "drop": "-"}


@dataclass(frozen=True)
class Step:
    """One difference between file and database, and the statements that remove it.

    ``destructive`` says what is lost; empty when nothing is. Steps of one plan are in dependency
    order. ``transactional`` is False for what PostgreSQL or TimescaleDB refuses in a transaction.
    A step ``by_hand`` is for a person to decide: apply skips it, and drift keeps naming it.
    """

    action: Action
    object: str
    detail: str
    statements: tuple[str, ...]
    destructive: str = ""
    transactional: bool = True
    by_hand: bool = False

    def line(self) -> str:
        """One line for a person."""
        danger = f"  !! {self.destructive}" if self.destructive else ""
        return f"{SIGNS[self.action]} {self.object}: {self.detail}{danger}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
