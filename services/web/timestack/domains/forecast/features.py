"""What a model is given of a day: columns of numbers that are known at its close.

All are without a unit, so that a day of 2013 can be compared with one of 2000, when the price was a
fiftieth: a price is a part of another price, a volume one of the mean volume of the days before.
So a split or dividend, which multiplies all earlier prices by one number, changes none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from timestack.domains.forecast import indicators
from timestack.domains.forecast.daily import Daily

LAGS = 5
# About ten weeks: what a chart calls the usual volume.
USUAL_DAYS = 50


class Table(NamedTuple):
    """``values`` float64 (days, columns), each column by its name.

    From the index ``ready`` of the days on all columns are numbers, before it some are NaN; of
    fewer days all are.
    """

    names: list[str]
    values: np.ndarray
    ready: int


class Group(NamedTuple):
    """Columns that are numbers from the index ``ready`` of the days on."""

    ready: int
    columns: Callable[[Daily], dict[str, np.ndarray]]


def table(daily: Daily, groups: Iterable[str]) -> Table:
    """Return the columns of some groups of ``asked.FEATURES``, for all days."""
    chosen = [_GROUPS[group] for group in groups]
    # Prices beyond all measure are for the caller to refuse.
    with np.errstate(all="ignore"):
        columns = {name: each for group in chosen for name, each in group.columns(daily).items()}
    ready = max(group.ready for group in chosen)
    return Table(list(columns), np.column_stack(list(columns.values())), ready)


def _returns(daily: Daily) -> dict[str, np.ndarray]:
    """Log returns of the day and of those before; lag 1 is the newest that is known."""
    change = np.diff(np.log(daily.close), prepend=np.nan)
    lags = {f"return, lag {lag + 1}": np.roll(change, lag) for lag in range(LAGS)}
    for lag, values in enumerate(lags.values()):
        values[:lag] = np.nan
    return lags


def _macd(daily: Daily) -> dict[str, np.ndarray]:
    line, histogram = indicators.macd(daily.close)
    part = line / daily.close
    return {
        "MACD": part,
        "MACD histogram": histogram / daily.close,
        "MACD change": np.diff(part, prepend=np.nan),
    }


def _rsi(daily: Daily) -> dict[str, np.ndarray]:
    return {"RSI": indicators.rsi(daily.close)}


def _cci(daily: Daily) -> dict[str, np.ndarray]:
    return {"CCI": indicators.cci(daily.high, daily.low, daily.close)}


def _emv(daily: Daily) -> dict[str, np.ndarray]:
    """EMV 14, its prices in parts of the close and its volume in parts of the usual one."""
    usual = indicators.mean(daily.volume, USUAL_DAYS)
    eased = indicators.ease(daily.high, daily.low, daily.volume) * usual / daily.close**2
    return {"EMV": indicators.mean(eased, 14)}


def _force(daily: Daily) -> dict[str, np.ndarray]:
    """Force index 13, its prices in parts of the close and its volume in parts of the usual one."""
    usual = indicators.mean(daily.volume, USUAL_DAYS)
    pushed = indicators.ratio(indicators.force(daily.close, daily.volume) / daily.close, usual)
    return {"force index": indicators.ema(pushed, 13)}


_GROUPS = {
    "returns": Group(LAGS, _returns),
    "macd": Group(33, _macd),
    "rsi": Group(14, _rsi),
    "cci": Group(19, _cci),
    "emv": Group(USUAL_DAYS + 12, _emv),
    "force": Group(USUAL_DAYS + 11, _force),
}
