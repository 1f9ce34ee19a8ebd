"""What the figures of the test part mean, in plain English."""

from __future__ import annotations

from timestack.domains.forecast.verdict import Interval

LUCK = (
    "One test part proves little, and who tries many models finds a lucky one: try it on other "
    "years and tickers before you believe it."
)


def shown(excess: Interval, edge: Interval) -> bool:
    """Return whether skill is shown: both are above 0 in all of their 95 % intervals."""
    return excess.low > 0 and edge.low > 0


def sentence(days: int, excess: Interval, edge: Interval, hit_rate: float, up_rate: float) -> str:
    """Say whether a model beat buy-and-hold and who always says up, with the figures of both.

    ``days`` is how many days it was judged by, ``excess`` and ``edge`` as in ``Verdict``.
    """
    gain = (
        f"{_amount(excess.value, 2, ' % a day')} {_than(excess.value)} than buy-and-hold after "
        f"costs (95 % interval {_range(excess, 2)} %)"
    )
    hits = (
        f"{_percent(hit_rate)} % of directions right where always saying up has "
        f"{_percent(up_rate)} % (difference {_signed(edge.value, 1)} points, 95 % interval "
        f"{_range(edge, 1)})"
    )
    found = f"over {days:,} days that it had not seen, the model made {gain} and had {hits}."
    if shown(excess, edge):
        return f"Skill shown, on this test part: {found} {LUCK}"
    return f"No skill shown: {found} {_why(excess, edge)}"


def _why(excess: Interval, edge: Interval) -> str:
    """What keeps it from being skill."""
    if excess.low == excess.high == 0:
        return "It said up every day, which is buy-and-hold."
    if excess.high < 0 and edge.high < 0:
        return "Both are worse, by more than chance."
    if excess.high < 0:
        return "Buy-and-hold was better, by more than chance."
    if excess.low > 0:
        return "What it made more may be chance, since it told directions no better."
    if edge.low > 0:
        return "It told directions better, but that made no more money than chance might."
    return "Chance alone explains it."


def _than(value: float) -> str:
    return "less" if value < 0 else "more"


def _amount(value: float, digits: int, unit: str) -> str:
    return f"{abs(100 * value):.{digits}f}{unit}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _signed(value: float, digits: int) -> str:
    """Of 0.0123 1.23, with a sign that is as wide as a digit."""
    text = f"{100 * value:.{digits}f}"
    # Python writes a small negative number as -0.0.
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def _range(interval: Interval, digits: int) -> str:
    return f"{_signed(interval.low, digits)} to {_signed(interval.high, digits)}"
