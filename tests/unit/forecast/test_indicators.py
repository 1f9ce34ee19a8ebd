"""The indicators have the values that were published for them.

Most are those of the spreadsheets behind StockCharts' ChartSchool, which many libraries are tested
with; https://github.com/bukosabino/ta has them as cs-*.csv under test/data.
"""

from __future__ import annotations

import numpy as np
import pytest

from timestack.domains.forecast import indicators

# ChartSchool, "Moving Averages - Simple and Exponential": 10 days.
EMA_CLOSES = [
    22.27, 22.19, 22.08, 22.17, 22.18, 22.13, 22.23, 22.43, 22.24, 22.29, 22.15, 22.39, 22.38,
    22.61, 23.36, 24.05, 23.75, 23.83, 23.95, 23.63, 23.82, 23.87, 23.65, 23.19, 23.10, 23.33,
    22.68, 23.10, 22.40, 22.17,
]  # fmt: skip
EMA = [
    22.22, 22.21, 22.24, 22.27, 22.33, 22.52, 22.80, 22.97, 23.13, 23.28, 23.34, 23.43, 23.51,
    23.53, 23.47, 23.40, 23.39, 23.26, 23.23, 23.08, 22.92,
]  # fmt: skip

# ChartSchool, "Relative Strength Index": closes from 2009-12-14 on.
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672,
    43.4205, 42.6628, 43.1314,
]  # fmt: skip
RSI = [
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99,
    41.46, 41.87, 45.46, 37.30, 33.08, 37.77,
]  # fmt: skip

# investexcel.net, "How to Calculate MACD in Excel".
MACD_CLOSES = [
    459.99, 448.85, 446.06, 450.81, 442.80, 448.97, 444.57, 441.40, 430.47, 420.05, 431.14, 425.66,
    430.58, 431.72, 437.87, 428.43, 428.35, 432.50, 443.66, 455.72, 454.49, 452.08, 452.73, 461.91,
    463.58, 461.14, 452.08, 442.66, 428.91, 429.79, 431.99, 427.72, 423.20, 426.21, 426.98, 435.69,
    434.33, 429.80,
]  # fmt: skip
MACD = [
    8.27526950390762, 7.70337838145673, 6.41607475695588, 4.23751978326482, 2.55258332486574,
    1.37888571985366, 0.102981491199102, -1.25840195280313, -2.07055819009491, -2.62184232825689,
    -2.32906674045495, -2.18163211479299, -2.40262627286643,
]  # fmt: skip
HISTOGRAM = [
    -5.10808405882886, -4.52749455759267, -3.38777517583258, -2.5922724401365, -2.25061327856795,
]  # fmt: skip

# ChartSchool, "Commodity Channel Index": high, low, close from 2010-08-24 on.
CCI_PRICES = [
    (24.2013, 23.8534, 23.8932), (24.0721, 23.7242, 23.9528), (24.0423, 23.6447, 23.6745),
    (23.8733, 23.3664, 23.7839), (23.6745, 23.4559, 23.4956), (23.5851, 23.1776, 23.3217),
    (23.8037, 23.3962, 23.7540), (23.8036, 23.5652, 23.7938), (24.3007, 24.0522, 24.1417),
    (24.1516, 23.7739, 23.8137), (24.0522, 23.5950, 23.7839), (24.0622, 23.8435, 23.8634),
    (23.8833, 23.6447, 23.7044), (25.1356, 23.9429, 24.9567), (25.1952, 24.7380, 24.8771),
    (25.0660, 24.7678, 24.9616), (25.2151, 24.8970, 25.1753), (25.3741, 24.9268, 25.0660),
    (25.3642, 24.9567, 25.2747), (25.2648, 24.9268, 24.9964), (24.8175, 24.2112, 24.4597),
    (24.4398, 24.2112, 24.2808), (24.6485, 24.4299, 24.6237), (24.8374, 24.4398, 24.5815),
    (24.7479, 24.2013, 24.5268), (24.5094, 24.2510, 24.3504), (24.6784, 24.2112, 24.3404),
    (24.6684, 24.1516, 24.2311), (23.8435, 23.6348, 23.7640), (24.3007, 23.7640, 24.2013),
]  # fmt: skip
CCI = [
    102.3150, 30.7360, 6.5516, 33.2964, 34.9514, 13.8401, -10.7478, -11.5821, -29.3472, -129.3557,
    -73.0696,
]  # fmt: skip

# ChartSchool, "Ease of Movement": high, low, volume of SPY from 2012-06-18 on.
EMV_DAYS = [
    (63.74, 62.63, 32178836), (64.51, 63.85, 36461672), (64.57, 63.81, 51372680),
    (64.31, 62.62, 42476356), (63.43, 62.73, 29504176), (62.85, 61.95, 33098600),
    (62.70, 62.06, 30577960), (63.18, 62.69, 35693928), (62.47, 61.54, 49768136),
    (64.16, 63.21, 44759968), (64.38, 63.87, 33425504), (64.89, 64.29, 15895085),
    (65.25, 64.48, 37015388), (64.69, 63.65, 40672116), (64.26, 63.68, 35627200),
    (64.51, 63.12, 47337336), (63.46, 62.50, 43373576), (62.69, 61.86, 57651752),
    (63.52, 62.56, 32357184), (63.52, 62.95, 27620876),
]  # fmt: skip
EASE = [
    1.801069353, 0.014793855, -2.884545934, -0.913430017, -1.849020805, -0.041860216, 0.761894292,
    -1.737858938, 3.565686195, 0.671343654, 1.755259566, 0.572059382, -1.777138913, -0.325593928,
    -0.455137568, -1.848129838, -1.014973491, 2.269665988, 0.402413015,
]  # fmt: skip
EMV = [-0.027667318, -0.188824955, -0.321890933, -0.188350045, 0.039013956, 0.199830657]

# ChartSchool, "Force Index": close and volume.
FORCE_CLOSES = [
    14.33, 14.23, 13.98, 13.96, 13.93, 13.84, 13.99, 14.31, 14.51, 14.46, 14.61, 14.48, 14.53,
    14.56, 14.25, 14.42, 14.24, 14.19, 14.50, 14.27, 14.70, 14.95, 14.68, 14.77, 14.68, 15.15,
    15.99, 16.27, 16.02, 16.07,
]  # fmt: skip
FORCE_VOLUMES = [
    0, 45579, 66285, 51761, 69341, 41631, 73499, 55427, 61082, 33325, 39191, 51128, 46505, 44562,
    48815, 33411, 48157, 43199, 45773, 54338, 56692, 61971, 41212, 59785, 44986, 55929, 162619,
    73914, 74485, 52163,
]  # fmt: skip
FORCE = [
    -4557.90, -16571.25, -1035.22, -2080.23, -3746.79, 11024.85, 17736.64, 12216.40, -1666.25,
    5878.65, -6646.64, 2325.25, 1336.86, -15132.65, 5679.87, -8668.26, -2159.95, 14189.63,
    -12497.74, 24377.56, 15492.75, -11127.24, 5380.65, -4048.74, 26286.63, 136599.96, 20695.92,
    -18621.25, 2608.15,
]  # fmt: skip
# Its EMA of 13 days as bukosabino/ta has it, which begins with the first value alone.
FORCE_13 = [
    1113.119695, -1207.704547, -223.7653263, -1430.121708, -1534.382893, 711.9046633, -1175.187431,
    2475.205059, 4334.854336, 2125.983717, 2590.936043, 1642.410894, 5163.013623, 23939.72025,
    23476.32021, 17462.38161, 15340.34852,
]  # fmt: skip


def known(values: np.ndarray, before: int) -> np.ndarray:
    """The values from there on, where all before are NaN."""
    assert np.isnan(values[:before]).all()
    return values[before:]


def test_the_exponential_average_is_that_of_chartschool() -> None:
    assert known(indicators.ema(np.array(EMA_CLOSES), 10), 9) == pytest.approx(EMA, abs=0.0051)


def test_rsi_is_that_of_chartschool() -> None:
    assert known(indicators.rsi(np.array(RSI_CLOSES)), 14) == pytest.approx(RSI, abs=0.0051)


def test_macd_and_its_histogram_are_those_published() -> None:
    line, histogram = indicators.macd(np.array(MACD_CLOSES))
    assert known(line, 25) == pytest.approx(MACD, abs=1e-10)
    assert known(histogram, 33) == pytest.approx(HISTOGRAM, abs=1e-10)


def test_cci_is_that_of_chartschool() -> None:
    high, low, close = np.array(CCI_PRICES).T
    # Of prices that were published to a hundredth of a cent.
    assert known(indicators.cci(high, low, close), 19) == pytest.approx(CCI, abs=0.02)


def test_ease_of_movement_is_that_of_chartschool() -> None:
    high, low, volume = np.array(EMV_DAYS, float).T
    eased = indicators.ease(high, low, volume) * 1e8
    assert known(eased, 1) == pytest.approx(EASE, abs=1e-8)
    assert known(indicators.mean(eased, 14), 14) == pytest.approx(EMV, abs=1e-8)


def test_the_force_index_is_that_of_chartschool() -> None:
    force = indicators.force(np.array(FORCE_CLOSES), np.array(FORCE_VOLUMES, float))
    assert known(force, 1) == pytest.approx(FORCE, abs=0.01)


def test_the_smoothed_force_index_is_the_published_one_but_for_its_beginning() -> None:
    force = indicators.force(np.array(FORCE_CLOSES), np.array(FORCE_VOLUMES, float))
    apart = known(indicators.ema(force, 13), 13) - FORCE_13
    # Each day takes a seventh away from what two beginnings differ in.
    assert apart == pytest.approx(apart[0] * (6 / 7) ** np.arange(len(apart)), abs=1e-4)
    assert apart[0] == pytest.approx(np.mean(FORCE[:13]) - FORCE_13[0], abs=0.01)


@pytest.mark.parametrize(("change", "index"), [(1, 100), (-1, 0), (0, 50)])
def test_rsi_of_a_price_that_only_rises_falls_or_stays(change: int, index: float) -> None:
    found = indicators.rsi(100.0 + change * np.arange(30))
    assert known(found, 14) == pytest.approx(np.full(16, index))


def test_days_without_volume_or_range_divide_by_nothing() -> None:
    flat, none = np.full(60, 0.1), np.zeros(60)
    assert not known(indicators.cci(flat, flat, flat), 19).any()
    assert not known(indicators.ease(flat, flat, none), 1).any()
    assert not known(indicators.force(flat, none), 1).any()


@pytest.mark.parametrize("days", [0, 1, 5, 13])
def test_too_few_days_have_no_value(days: int) -> None:
    price = np.arange(1.0, days + 1)
    for found in (
        indicators.mean(price, 14),
        indicators.ema(price, 14),
        indicators.rsi(price),
        indicators.cci(price, price, price),
        *indicators.macd(price),
    ):
        assert len(found) == days
        assert np.isnan(found).all()
