"""Models that are trained, by the one worker whose image has scikit-learn.

``celery -A timestack.tasks.forecast worker`` knows this family alone: it takes less memory by that.
"""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from timestack.domains.forecast import daily
from timestack.domains.forecast.errors import ForecastError
from timestack.domains.jobs.kinds import ForecastParams
from timestack.domains.jobs.steps import PermanentError
from timestack.domains.markets import listing
from timestack.models.forecasts import Forecast
from timestack.progress import Progress
from timestack.tasks import app
from timestack.tasks.job import job

__all__ = ["app", "train"]


@job("forecast.train")
def train(session: Session, progress: Progress, params: ForecastParams) -> dict:
    """Train a model and judge it; the forecast is there if and only if the job has succeeded."""
    # Not before there is something to train: the worker at rest takes half the memory by that.
    from timestack.domains.forecast.train import train as trained  # noqa: PLC0415

    began = time.monotonic()
    ticker = listing.of_symbol(session, params.symbol)
    if ticker is None:
        raise PermanentError(f"there is no ticker {params.symbol}: add it on the Markets page")
    prices = daily.read(session, ticker.id)
    # No transaction is open for as long as it takes.
    session.commit()
    try:
        found = trained(prices, params, progress)
    except ForecastError as error:
        raise PermanentError(str(error)) from None
    forecast = Forecast(
        ticker_id=ticker.id,
        settings=params.model_dump(mode="json"),
        data_hash=prices.hash,
        versions=found.versions,
        first_day=found.first_day,
        test_day=found.test_day,
        last_day=found.last_day,
        train_rows=found.train_rows,
        test_rows=found.test_rows,
        seconds=time.monotonic() - began,
        verdict=found.verdict.model_dump(mode="json"),
        course=found.course.model_dump(mode="json"),
    )
    session.add(forecast)
    session.flush()
    return {"forecast": forecast.id, "skill": found.verdict.skill}
