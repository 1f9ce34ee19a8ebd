"""What the address of a page asks for, and links within the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urlencode

from timestack.dash.choice import require_text


@dataclass(frozen=True)
class Parameters:
    """The parameters in the address of a page: its fields, texts, None for what is left open."""

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Self:
        """Read parameters, whoever made them; others than these are ignored.

        Raises BadRequest for what is not a text.
        """
        given = {name: asked.get(name) for name in cls.__dataclass_fields__}
        found = {name: value for name, value in given.items() if value not in (None, "")}
        require_text(*found.values())
        return cls(**found)

    def parameters(self) -> dict[str, str]:
        """Return what ``read`` read."""
        return {name: value for name, value in asdict(self).items() if value}


def href(**parameters: str | None) -> str:
    """Return a link within the page; None leaves a parameter out."""
    return "?" + urlencode({name: value for name, value in parameters.items() if value})
