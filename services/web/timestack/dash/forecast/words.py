"""Figures and settings of forecasts, as the reader sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from timestack.domains.forecast import asked
from timestack.domains.forecast.verdict import Interval
from timestack.domains.jobs.kinds import ForecastParams

MINUS = "−"
# A unit stays beside its number.
BESIDE = "\N{NO-BREAK SPACE}"


def percent(part: float) -> str:
    """Return a part of 1 such as "52.3 %"."""
    return f"{_figure(part * 100)}{BESIDE}%"


def change(part: float) -> str:
    """Return a part of 1 with its sign, such as "+3.1 %"."""
    return f"{_figure(part * 100, signed=True)}{BESIDE}%"


def points(part: float) -> str:
    """Return a difference of percentages with its sign, such as "+0.4 points"."""
    return f"{signed(part)}{BESIDE}points"


def signed(part: float) -> str:
    """Return a part of 1 in hundredths with its sign, without a unit."""
    return _figure(part * 100, signed=True)


def daily(part: float) -> str:
    """Return what a day brings, which is little, such as "-0.02 %"."""
    return f"{_figure(part * 100, signed=True, digits=2)}{BESIDE}%"


def _figure(value: float, *, signed: bool = False, digits: int = 1) -> str:
    rounded = round(value, digits) or 0.0
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):,.{digits}f}"


def between(found: Interval, write: Callable[[float], str]) -> str:
    """Return the ends of an interval, with the unit once."""
    low, _, _ = write(found.low).partition(BESIDE)
    return f"{low} to {write(found.high)}"


def day(when: date) -> str:
    """Return a date such as "3 Jan 2012"."""
    return f"{when.day} {when:%b %Y}"


def days(first: date, last: date) -> str:
    """Return the days of a time."""
    return f"{day(first)} to {day(last)}"


def skill(*, shown: bool) -> str:
    """Return whether skill was shown."""
    return "shown" if shown else "not shown"


def params(settings: Mapping[str, Any]) -> ForecastParams:
    """Return what was asked for, whatever may be asked today; ``test_start`` may be a text."""
    return ForecastParams.model_construct(**settings)


def classifier(params: ForecastParams) -> str:
    """Return its name; that of former days by its key."""
    return asked.CLASSIFIERS.get(params.classifier, params.classifier)


def name(params: ForecastParams) -> str:
    """Return what is forecast, and by what."""
    return f"{params.symbol}, {classifier(params)}"


def positions(params: ForecastParams) -> str:
    """Return what positions it takes."""
    return asked.POSITIONS.get(params.positions, params.positions)


def features(params: ForecastParams) -> str:
    """Return the groups of features."""
    if set(params.features) == set(asked.FEATURES):
        return f"all {len(asked.FEATURES)}"
    return ", ".join(asked.FEATURES.get(each, each) for each in params.features)


def tuning(params: ForecastParams) -> str:
    """Return whether settings were searched for."""
    return "tuned" if params.tuning else "not tuned"


def settings(params: ForecastParams) -> dict[str, str]:
    """Return all that was asked for but the ticker, by what it is called."""
    return {
        "Classifier": classifier(params),
        "Features": features(params),
        "Tuning": tuning(params),
        "Folds": f"{params.folds}",
        "Gap": several(params.gap, "day"),
        "Positions": positions(params),
        "Cost of a trade": f"{params.cost:g} bp",
        "Seed": f"{params.seed}",
    }


def several(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
