"""What the form of a forecast was filled in with, and what is wrong with it.

That is a text for each parameter of ``ForecastParams``; a box that is ticked is any text, and
features have a box each, ``features-returns`` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

from timestack.dash.forecast import words
from timestack.dash.started import FormError
from timestack.domains.forecast import asked
from timestack.domains.forecast.tickers import Span
from timestack.domains.jobs import words as texts
from timestack.domains.jobs.kinds import ForecastParams
from timestack.validation import message

KIND = "forecast.train"
TEXTS = ("symbol", "classifier", "test_start", "positions")
NUMBERS = ("folds", "gap", "cost", "seed")
# The beginning of a feature's box.
FEATURE = "features-"


def parameters(filled: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that were filled in; a number that is empty takes its default."""
    found: dict[str, Any] = {
        name: filled[name].strip() for name in TEXTS if filled.get(name, "").strip()
    }
    found["tuning"] = bool(filled.get("tuning"))
    found["features"] = [each for each in asked.FEATURES if filled.get(f"{FEATURE}{each}")]
    return found | {
        name: texts.parsed(filled[name]) for name in NUMBERS if filled.get(name, "").strip()
    }


def check(params: Mapping[str, Any], spans: Sequence[Span]) -> None:
    """Raise FormError unless a worker could make a forecast of these parameters."""
    faults = {}
    try:
        ForecastParams.model_validate(params)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False):
            faults.setdefault(str(each["loc"][0]), message(each))
    if not params["features"]:
        faults["features"] = "choose one at least"
    span = {each.ticker.symbol: each for each in spans}.get(params.get("symbol"))
    if span is None:
        faults.setdefault("symbol", "there are no prices of it: choose another one")
    elif "test_start" not in faults:
        start = date.fromisoformat(params["test_start"])
        if not span.first < start <= span.last:
            faults["test_start"] = (
                f"choose a day within the prices of {span.ticker.symbol},"
                f" {words.days(span.first, span.last)}: the model learns from those before it"
            )
    if faults:
        raise FormError([f"{name}: {text}" for name, text in faults.items()])


def boxes(given: Mapping[str, str]) -> dict[str, str]:
    """Return what an address gives as the form has it: all features, unless it names some."""
    wanted = given.get("features", ",".join(asked.FEATURES)).split(",")
    others = {name: value for name, value in given.items() if name != "features"}
    return others | {f"{FEATURE}{each}": "1" for each in wanted if each in asked.FEATURES}
