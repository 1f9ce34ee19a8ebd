"""Indicators of technical analysis, as their authors and StockCharts' ChartSchool define them.

All take and return float64 arrays of one value a day, oldest first. A value is made of its own day
and of those before it, never of a later one. It is NaN where there are not enough days, at the
beginning alone.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def mean(values: np.ndarray, days: int) -> np.ndarray:
    """Return the mean of so many days, the day itself being the last."""
    return _padded(_windows(values, days).mean(axis=1), len(values))


def ema(values: np.ndarray, days: int) -> np.ndarray:
    """Return the exponential moving average, each day weighing 2 / (days + 1).

    It begins as the mean of the first ``days`` values that are numbers, as ChartSchool has it
    ("Moving Averages - Simple and Exponential").
    """
    return _smoothed(values, days, 2 / (days + 1))


def macd(
    close: np.ndarray, short: int = 12, long: int = 26, signal: int = 9
) -> tuple[np.ndarray, np.ndarray]:
    """Return the MACD line, EMA(short) - EMA(long), and the histogram, the line less its EMA.

    Both are in units of the price. Gerald Appel; ChartSchool, "MACD".
    """
    line = ema(close, short) - ema(close, long)
    return line, line - ema(line, signal)


def rsi(close: np.ndarray, days: int = 14) -> np.ndarray:
    """Return the relative strength index, 0 to 100: 100 gains / (gains + losses).

    Gains and losses are means that begin as those of the first ``days`` changes; then each change
    weighs 1 / days. 50 where the price has not changed. J. Welles Wilder, "New Concepts in
    Technical Trading Systems" (1978); ChartSchool, "Relative Strength Index".
    """
    change = np.diff(close, prepend=np.nan)
    gains = _smoothed(np.maximum(change, 0), days, 1 / days)
    losses = _smoothed(np.maximum(-change, 0), days, 1 / days)
    return 100 * ratio(gains, gains + losses, 0.5)


def cci(high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int = 20) -> np.ndarray:
    """Return the commodity channel index: how far the typical price (high + low + close) / 3 is
    from its mean of ``days``, in units of 0.015 mean deviations from that mean.

    0 where the price has not changed. Donald Lambert, "Commodities" (October 1980); ChartSchool,
    "Commodity Channel Index".
    """
    typical = (high + low + close) / 3
    windows = _windows(typical, days)
    middle = windows.mean(axis=1)
    deviation = np.abs(windows - middle[:, None]).mean(axis=1)
    # What is left of equal prices by rounding is not a deviation.
    deviation[deviation < 1e-12 * middle] = 0
    return _padded(ratio(typical[days - 1 :] - middle, 0.015 * deviation), len(close))


def ease(high: np.ndarray, low: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return the ease of movement of each day, in squared units of the price a share.

    It is the move of the middle of high and low since the day before, times the day's range, by
    its volume; 0 on a day without volume. EMV is the mean of 14 days; ChartSchool shows it times
    100,000,000. Richard W. Arms Jr.; ChartSchool, "Ease of Movement".
    """
    move = np.diff((high + low) / 2, prepend=np.nan)
    found = ratio(move * (high - low), volume)
    found[:1] = np.nan
    return found


def force(close: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return the force index of each day: the change of its close, times its volume.

    It is smoothed by an EMA of 13 days. Alexander Elder, "Trading for a Living" (1993);
    ChartSchool, "Force Index".
    """
    return np.diff(close, prepend=np.nan) * volume


def ratio(above: np.ndarray, below: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """Return ``above / below``, and ``otherwise`` where ``below`` is 0; NaN stays."""
    found = np.full(np.broadcast(above, below).shape, otherwise)
    return np.divide(above, below, out=found, where=below != 0)


def _windows(values: np.ndarray, days: int) -> np.ndarray:
    """All runs of so many days, shape (len(values) - days + 1, days), or none."""
    if len(values) < days:
        return np.empty((0, days))
    return sliding_window_view(values, days)


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """The values, after as many NaN as are missing at the beginning."""
    return np.concatenate([np.full(length - len(values), np.nan), values])


def _smoothed(values: np.ndarray, days: int, weight: float) -> np.ndarray:
    """The mean of the first ``days`` numbers, then each value with that weight."""
    found = np.full(len(values), np.nan)
    begin = int(np.isnan(values).argmin()) if len(values) else 0
    first = begin + days - 1
    if first >= len(values):
        return found
    last = float(values[begin : first + 1].mean())
    found[first] = last
    for day in range(first + 1, len(values)):
        last += weight * (float(values[day]) - last)
        found[day] = last
    return found
