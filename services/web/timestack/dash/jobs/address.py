"""What an address of the Jobs page asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from timestack.dash.choice import require_text
from timestack.domains.jobs import kinds, listing


@dataclass(frozen=True)
class Address:
    """Jobs of a ``kind`` and ``state``, older than ``before``; or one ``job``; or a form.

    ``start`` is the kind of which the form starts a job. None is what the address leaves open.
    """

    kind: str | None = None
    state: str | None = None
    before: str | None = None
    job: str | None = None
    start: str | None = None

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Address:
        """Read parameters, whoever made them; others than these are ignored.

        Raises BadRequest for what is not a text, and ValueError for an unknown state or kind.
        """
        given = {name: asked.get(name) for name in cls.__dataclass_fields__}
        found = {name: value for name, value in given.items() if value not in (None, "")}
        require_text(*found.values())
        address = cls(**found)
        _ = address.wanted
        if address.start:
            kinds.find(address.start)
        for id in filter(None, (address.before, address.job)):
            _require_id(id)
        return address

    @property
    def wanted(self) -> listing.Filter:
        """The jobs that are to be listed."""
        return listing.Filter(self.kind, self.state)

    @property
    def is_list(self) -> bool:
        """Whether it shows jobs rather than one or a form."""
        return not (self.job or self.start)

    def parameters(self) -> dict[str, str]:
        """Return what ``read`` read."""
        return {name: value for name, value in asdict(self).items() if value}


def href(**parameters: str | None) -> str:
    """Return a link within the page; None leaves a parameter out."""
    given = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(given)}"


def _require_id(text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        raise listing.AskedError(f"{text!r} is not the id of a job") from None
