"""What an address of the Forecast page asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from timestack.dash.address import Parameters, href
from timestack.domains.jobs.kinds import ForecastParams

# A chart has six colours.
MOST = 6
# An id of the database has no more digits.
DIGITS = 18


class AskedError(ValueError):
    """What is asked for cannot be; str() is a sentence."""


@dataclass(frozen=True)
class Address(Parameters):
    """Forecasts of a ``ticker``, older than the id ``before``; or those of the ids; or the form.

    With ``start`` it is the form, filled in with those of ``ForecastParams`` that are given;
    ``features`` and ``id`` are several, with commas.
    """

    ticker: str | None = None
    before: str | None = None
    id: str | None = None
    start: str | None = None
    symbol: str | None = None
    classifier: str | None = None
    test_start: str | None = None
    tuning: str | None = None
    folds: str | None = None
    gap: str | None = None
    positions: str | None = None
    cost: str | None = None
    features: str | None = None
    seed: str | None = None

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Self:
        """Read parameters; raises AskedError for what is not an id, and for too many."""
        found = super().read(asked)
        _ = found.ids, found.last
        return found

    @property
    def ids(self) -> list[int]:
        """The forecasts that are asked for, each once."""
        given = self.id.split(",") if self.id else []
        ids = list(dict.fromkeys(map(number, given)))
        if len(ids) > MOST:
            raise AskedError(f"{MOST} forecasts are compared at most, and these are {len(ids)}.")
        return ids

    @property
    def last(self) -> int | None:
        """The last forecast of the part of the list before this one."""
        return number(self.before) if self.before else None

    @property
    def filled(self) -> dict[str, str]:
        """What the form is filled in with."""
        return {
            name: value
            for name, value in self.parameters().items()
            if name in ForecastParams.model_fields
        }


def again(params: ForecastParams) -> str:
    """Return the link to the form, filled in with what was asked for before."""
    given = {
        name: ",".join(value) if isinstance(value, list | tuple) else _written(value)
        for name, value in params
    }
    return href(start="1", **given)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        # Without it it is not.
        return "1" if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def number(text: str) -> int:
    """Return the id of a forecast; raises AskedError for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS):
        raise AskedError(f"“{text}” is not the number of a forecast.")
    return int(text)
