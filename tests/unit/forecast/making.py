"""Prices to test forecasts with, and what is asked of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from timestack.domains.forecast.daily import Daily
from timestack.domains.jobs.kinds import ForecastParams


def walk(seed: int, days: int, change: np.ndarray | None = None) -> Daily:
    """Weekdays from 2000-01-03 on of a price without any rule, or with these log returns."""
    random = np.random.default_rng(seed)
    if change is None:
        change = 0.012 * random.standard_normal(days)
    close = 50 * np.exp(np.cumsum(change))
    up, down = np.abs(0.006 * random.standard_normal((2, days)))
    weekdays = np.busday_offset("2000-01-03", np.arange(days)).astype("datetime64[D]")
    volume = random.lognormal(14, 0.5, days).round()
    return Daily(weekdays, close, close * (1 + up), close * (1 - down), close, volume)


def planted(seed: int, days: int, strength: float) -> Daily:
    """A walk that goes on in the direction of the day before on so many days of 1."""
    random = np.random.default_rng(seed)
    size = np.abs(0.012 * random.standard_normal(days))
    turns = np.where(random.random(days) < strength, 1, -1)
    return walk(seed, days, size * np.cumprod(turns))


def ask(daily: Daily, test_rows: int, **given: Any) -> ForecastParams:
    """A forecast whose test part has so many rows; two folds, if nothing else is given."""
    start = {"test_start": daily.day[len(daily.day) - 1 - test_rows].item()}
    default = {"symbol": "WALK", "classifier": "logistic", "folds": 2}
    return ForecastParams(**{**default, **start, **given})


def day(text: str) -> date:
    return date.fromisoformat(text)
