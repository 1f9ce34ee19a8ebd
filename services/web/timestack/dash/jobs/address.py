"""What an address of the Jobs page asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from timestack.dash.address import Parameters
from timestack.domains.jobs import kinds, listing


@dataclass(frozen=True)
class Address(Parameters):
    """Jobs of a ``kind`` and ``state``, older than ``before``; or one ``job``; or a form.

    ``start`` is the kind of which the form starts a job. None is what the address leaves open.
    """

    kind: str | None = None
    state: str | None = None
    before: str | None = None
    job: str | None = None
    start: str | None = None

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Self:
        """Read parameters; raises ValueError for an unknown state or kind as well."""
        found = super().read(asked)
        _ = found.wanted
        if found.start:
            kinds.find(found.start)
        for id in filter(None, (found.before, found.job)):
            _require_id(id)
        return found

    @property
    def wanted(self) -> listing.Filter:
        """The jobs that are to be listed."""
        return listing.Filter(self.kind, self.state)

    @property
    def is_list(self) -> bool:
        """Whether it shows jobs rather than one or a form."""
        return not (self.job or self.start)


def _require_id(text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        raise listing.AskedError(f"{text!r} is not the id of a job") from None
