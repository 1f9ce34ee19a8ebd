"""What a forecast found, as it is stored and shown. All of it is about the test part alone,
but for ``Search`` and the first days of ``Course``.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class _Found(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Found):
    """A figure, and between what it lies in 95 of 100 bootstrap samples of blocks of days."""

    value: float
    low: float
    high: float


class Importance(_Found):
    """How much the hit rate falls, in parts of 1, when a feature's values are shuffled.

    ``spread`` is the standard deviation of that over the shuffles.
    """

    feature: str
    mean: float
    spread: float


class Search(_Found):
    """Cross-validation on the train part: ``scores`` are hit rates by fold, of the settings kept.

    With tuning, ``tried`` of ``of`` settings were compared before the time was over, and
    ``settings`` are those kept; without it ``tried`` and ``of`` are 1.
    """

    tried: int
    of: int
    settings: dict[str, float | int | str | None]
    scores: list[float]


class Verdict(_Found):
    """How the model did on days that it had not seen.

    Profits are parts of 1, compounded over the whole test part after costs: 0.12 is 12 %.
    ``held`` is buy-and-hold, which pays the cost once. Drawdowns are the deepest fall from a
    high, as a part of it, 0 or above. ``hit_rate`` is the part of days whose direction was told,
    ``up_rate`` that of days that rose: the hit rate of who always says up. ``confusion`` is
    ``[[fell and told so, fell and told up], [rose and told down, rose and told so]]`` in days.
    ``excess`` is the mean daily log return above buy-and-hold's, ``edge`` the hit rate less
    ``up_rate``. ``skill`` is true where the intervals of both are above 0, and ``sentence`` says
    what that means.
    """

    profit: float
    held: float
    drawdown: float
    held_drawdown: float
    hit_rate: float
    up_rate: float
    confusion: tuple[tuple[int, int], tuple[int, int]]
    trades: int
    excess: Interval
    edge: Interval
    skill: bool
    sentence: str
    importance: list[Importance]
    search: Search


class Course(_Found):
    """Day by day: ``prices`` are closes, adjusted for splits and dividends, of all ``days``.

    The test part begins at the index ``split`` of ``days``. The others have one entry for each of
    its days: ``positions`` -1, 0 or 1, decided at the close of that day and held until the next
    one; ``profit`` and ``held`` are cumulative from that part's first close, 0 at first, parts
    of 1.
    """

    days: list[date]
    prices: list[float]
    split: int
    positions: list[int]
    profit: list[float]
    held: list[float]
