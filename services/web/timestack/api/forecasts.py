"""Forecasts: models of a ticker's direction, how they did, and one more of them."""

from __future__ import annotations

from datetime import date, datetime

from flask import g, url_for
from flask_login import current_user
from pydantic import AliasPath, Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from timestack import db
from timestack.api import paging
from timestack.api.operation import Answer, Resource
from timestack.api.prices import WorkView
from timestack.api.types import Text, View
from timestack.domains import jobs
from timestack.domains.forecast import asked, store
from timestack.domains.forecast.verdict import Course, Verdict
from timestack.domains.jobs.kinds import ForecastParams
from timestack.domains.markets import listing
from timestack.models.forecasts import Forecast

resource = Resource(
    "forecasts",
    __name__,
    url_prefix="/forecasts",
    about="Models that say whether a ticker rises tomorrow, judged on days that they had not seen.",
)


class ForecastsQuery(paging.ListQuery):
    """Which forecasts: of a ticker, by a classifier."""

    symbol: Text | None = None
    classifier: asked.Classifier | None = None


class ForecastView(View):
    """What was asked for and how the model did; the same settings, data and versions give the same.

    The model saw ``train_rows`` days before ``test_day``; ``seconds`` is how long it all took.
    """

    id: int
    symbol: str = Field(validation_alias=AliasPath("ticker", "symbol"))
    settings: ForecastParams
    data_hash: str
    versions: dict[str, str]
    first_day: date
    test_day: date
    last_day: date
    train_rows: int
    test_rows: int
    seconds: float
    created_at: datetime
    verdict: Verdict


class WholeForecastView(ForecastView):
    """With what it did from day to day."""

    course: Course


class ForecastList(View):
    """A part of the list; ``next`` is the cursor of the next one."""

    items: list[ForecastView]
    next: str | None


@resource.get("", query=ForecastsQuery, answer=ForecastList)
def index(query: ForecastsQuery) -> Answer:
    """List forecasts, the newest first, without their days.

    ``next`` and the header Link lead on.
    """
    chosen = query.model_dump(include={"symbol", "classifier"})
    with db.session() as session:
        rows = store.listed(session, paging.part(query, store.NEWEST), **chosen)
    return paging.answer(ForecastList, query, store.NEWEST, rows)


@resource.get("/<int:id>", answer=WholeForecastView, problems=(404,))
def show(id: int) -> WholeForecastView:
    """Show a forecast with its days: prices, positions and profits."""
    with db.session() as session:
        return WholeForecastView.model_validate(_found(session, id))


@resource.post("", body=ForecastParams, answer=WorkView, status=202, problems=(404,))
def create(body: ForecastParams) -> Answer:
    """Have a job train a model and judge it; its result names the forecast.

    While one with the same settings is unfinished, it is that one. 404: there is no such ticker.
    """
    with db.session() as session:
        if listing.of_symbol(session, body.symbol) is None:
            raise NotFound(f"There is no ticker {body.symbol}.")
    job = jobs.submit(
        "forecast.train",
        body.model_dump(mode="json"),
        submitted_by=getattr(current_user, "email", ""),
        request_id=g.get("request_id"),
    )
    location = url_for("api.jobs.show", id=job.id)
    return Answer(WorkView.model_validate(job), headers={"Location": location})


@resource.delete("/<int:id>", status=204, problems=(404,))
def delete(id: int) -> Answer:
    """Delete a forecast."""
    with db.session() as session:
        if not (id < 2**63 and store.delete(session, id)):
            raise _unknown(id)
    return Answer(None)


def _found(session: Session, id: int) -> Forecast:
    found = store.get(session, id) if id < 2**63 else []
    if not found:
        raise _unknown(id)
    return found[0]


def _unknown(id: int) -> NotFound:
    return NotFound(f"There is no forecast {id}.")
