"""A forecast from a ticker's daily prices: train on the days before the split, judge on the rest.

``prepare`` makes the rows and their parts, ``learn`` sees the train part alone, and ``judged``
alone sees the test part.
"""

from __future__ import annotations

import platform
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import scipy
import sklearn
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from timestack.domains.forecast import classifiers, judge, search
from timestack.domains.forecast.daily import Daily
from timestack.domains.forecast.errors import ForecastError
from timestack.domains.forecast.features import table
from timestack.domains.forecast.importance import importance
from timestack.domains.forecast.interval import intervals
from timestack.domains.forecast.labels import rises
from timestack.domains.forecast.sentence import sentence, shown
from timestack.domains.forecast.split import Split, check_outcomes, split
from timestack.domains.forecast.verdict import Course, Search, Verdict
from timestack.domains.jobs.kinds import ForecastParams
from timestack.progress import Progress

SEARCH_LIMIT = timedelta(minutes=2)
# The processors are shared, and sums by several threads end in other digits.
_one_thread = threadpool_limits.wrap(limits=1)
# How far the work is when the search is over, and when there is a model.
_SEARCHED, _TRAINED = 0.85, 0.95


class Trained(NamedTuple):
    """What a forecast found. The days are those of the first price, the test part and the last
    price; the rows are days of the parts that have a label. ``versions`` are those of python and
    of the packages that computed.
    """

    verdict: Verdict
    course: Course
    first_day: date
    test_day: date
    last_day: date
    train_rows: int
    test_rows: int
    versions: dict[str, str]


class Prepared(NamedTuple):
    """All days of a ticker as rows: ``rows`` float64 (days, columns), ``rose`` bool (days - 1)."""

    names: list[str]
    rows: np.ndarray
    rose: np.ndarray
    parts: Split


class Learned(NamedTuple):
    """A model that was fitted on the train part, and how its settings were found."""

    model: Pipeline
    search: Search


def train(
    daily: Daily,
    asked: ForecastParams,
    progress: Progress,
    *,
    search_limit: timedelta = SEARCH_LIMIT,
) -> Trained:
    """Return what a forecast finds; raises ForecastError, and whatever ``progress`` raises.

    Equal prices and settings give an equal result, bit for bit on one kind of processor, as long
    as ``search_limit`` does not cut the search off: ``verdict.search`` says whether it did.
    """
    progress(0, "making the features")
    prepared = prepare(daily, asked)
    learned = learn(prepared, asked, progress, search_limit)
    verdict, course = judged(daily, prepared, learned, asked, progress)
    progress(1, "done")
    parts = prepared.parts
    return Trained(
        verdict=verdict,
        course=course,
        first_day=daily.day[0].item(),
        test_day=daily.day[parts.first].item(),
        last_day=daily.day[-1].item(),
        train_rows=parts.end - parts.begin,
        test_rows=parts.last - parts.first,
        versions=versions(),
    )


def prepare(daily: Daily, asked: ForecastParams) -> Prepared:
    """Return the rows of all days and where they are split; raises ForecastError."""
    names, rows, ready = table(daily, asked.features)
    rose = rises(daily.close)
    parts = split(daily, ready, asked)
    if not np.isfinite(rows[ready:]).all():
        raise ForecastError(
            f"Some prices or volumes of {asked.symbol} are too large or too small to compute with: "
            "look for them in its chart, and load its prices again."
        )
    check_outcomes(rose, daily, parts)
    return Prepared(names, rows, rose, parts)


@_one_thread
def learn(
    prepared: Prepared, asked: ForecastParams, progress: Progress, limit: timedelta
) -> Learned:
    """Return a model of the train part, tuned on it if that is asked for."""
    rows, rose = prepared.rows[prepared.parts.train], prepared.rose[prepared.parts.train]

    def of_search(fraction: float, message: str) -> None:
        progress(0.02 + (_SEARCHED - 0.02) * fraction, message)

    found = search.search(rows, rose, asked, of_search, limit)
    tried = f", having tried {found.tried} of {found.of} settings" if found.of > 1 else ""
    progress(_SEARCHED, f"training on all {len(rows):,} days{tried}")
    model = classifiers.fitted(asked.classifier, found.settings, asked.seed, rows, rose)
    return Learned(model, found)


@_one_thread
def judged(
    daily: Daily,
    prepared: Prepared,
    learned: Learned,
    asked: ForecastParams,
    progress: Progress,
) -> tuple[Verdict, Course]:
    """Return how a model did on the test part, and its course day by day.

    The last position is that for the day after the last price, so it is not in any figure.
    """
    progress(_TRAINED, "judging the model on the test part")
    parts = prepared.parts
    rose, close = prepared.rose[parts.test], daily.close[parts.first :]
    said = learned.model.predict(prepared.rows[parts.first :])
    up = said[:-1]
    change = close[1:] / close[:-1] - 1
    taken = judge.positions(said, asked.positions)
    cost = asked.cost / 10_000
    own = judge.account(taken[:-1], change, cost)
    held = judge.account(np.ones_like(taken[:-1]), change, cost)
    right = up == rose
    excess, edge = intervals(
        np.column_stack([own.growth - held.growth, right.astype(float) - rose]), asked.seed
    )
    hit_rate, up_rate = float(right.mean()), float(rose.mean())
    verdict = Verdict(
        profit=own.profit,
        held=held.profit,
        drawdown=own.drawdown,
        held_drawdown=held.drawdown,
        hit_rate=hit_rate,
        up_rate=up_rate,
        confusion=judge.confusion(rose, up),
        trades=own.trades,
        excess=excess,
        edge=edge,
        skill=shown(excess, edge),
        sentence=sentence(len(rose), excess, edge, hit_rate, up_rate),
        importance=importance(
            learned.model,
            prepared.names,
            prepared.rows[parts.test],
            rose,
            asked.seed,
            lambda: progress(_TRAINED, "shuffling one feature after the other"),
        ),
        search=learned.search,
    )
    next_one = 0 if own.worth[-1] == 0 else int(taken[-1])
    course = Course(
        days=daily.day.tolist(),
        prices=daily.close.tolist(),
        split=parts.first,
        positions=[*own.positions.tolist(), next_one],
        profit=(own.worth - 1).tolist(),
        held=(held.worth - 1).tolist(),
    )
    return verdict, course


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
