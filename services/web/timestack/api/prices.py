"""A ticker with its daily prices, from the source that is configured or from a file."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from flask import current_app, g, request, url_for
from flask_login import current_user
from pydantic import Field
from werkzeug.exceptions import BadRequest, Conflict, NotFound, UnsupportedMediaType

from timestack import db
from timestack.api import writing
from timestack.api.markets import TickerView
from timestack.api.operation import Answer, Resource
from timestack.api.types import Body, Query, View
from timestack.auth import bearer
from timestack.domains import jobs
from timestack.domains.prices.listing import Label, Symbol
from timestack.domains.prices.read import PricesError, read
from timestack.domains.uploads import store
from timestack.ingest import prices
from timestack.ingest.body import LARGEST
from timestack.words import sentence

resource = Resource(
    "additions", __name__, url_prefix="/prices", about="Tickers with their prices, to be added."
)

CSV = "text/csv"
NEEDED = Field(description="Of a ticker that is new; one that is there keeps its own.")
Described = Annotated[Label, NEEDED]


class UploadQuery(Query):
    """Whose prices they are."""

    symbol: Symbol
    name: Described = ""
    industry: Described = ""


class NewTicker(Body):
    """Whose prices are to be fetched."""

    symbol: Symbol
    name: Described = ""
    industry: Described = ""


class UploadedTicker(NewTicker):
    """Whose prices an upload holds, which is complete."""

    upload: UUID


class SplitView(View):
    """``ratio`` is of new shares to old ones, such as 2:1."""

    day: date
    ratio: str


class Added(View):
    """What was written: ``rows`` days, of which ``added`` were not there before.

    ``duplicates`` is how many lines repeated another, ``ignored`` the columns that were not read;
    ``adjusted`` is false where there was no adjusted close and the close was taken for it.
    """

    ticker: TickerView
    is_new: bool
    rows: int
    added: int
    first: date
    last: date
    duplicates: int
    splits: list[SplitView]
    ignored: list[str]
    adjusted: bool


class WorkView(View):
    """A job, to be followed at the address in ``Location``; its result is as of an upload."""

    id: UUID
    kind: str
    state: str


class Refusal(BadRequest):
    """400: nothing was written; the lines that are at fault are listed."""

    def __init__(self, error: PricesError):
        self.members = {
            "written": 0,
            "refused": error.count,
            "errors": [
                {"detail": each.detail, **({"line": each.line} if each.line else {})}
                for each in error.faults
            ],
        }
        super().__init__(f"Nothing was written: {error}.")


@resource.post(
    "",
    query=UploadQuery,
    takes={CSV: "Date,Open,High,Low,Close,Adj Close,Volume\n2013-05-01,44,45.5,43,45,45,120000\n"},
    answer=Added,
    problems=(404,),
)
def upload(query: UploadQuery) -> Added:
    """Write the daily prices of a ticker from CSV, and the ticker where it is new.

    The first line names the columns, in any order: Date, Open, High, Low, Close, Volume, and Adj
    Close if there is one. Days that are there already are overwritten. Send gzip with
    `Content-Encoding: gzip`.

    400: a line is at fault or the body is not such CSV, and nothing was written. 404: the ticker is
    not there, and its name or industry is missing.
    """
    _may_add()
    if request.mimetype != CSV:
        raise UnsupportedMediaType(f"Send the prices as {CSV}.")
    try:
        with writing.admitted() as stream:
            found = read(stream.within(LARGEST).read(), query.symbol)
            with db.session() as session:
                listing = prices.Listing(**query.model_dump())
                return Added.model_validate(prices.add(session, listing, found))
    except prices.UnknownTickerError as error:
        raise NotFound(sentence(error)) from None
    except PricesError as error:
        raise Refusal(error) from None


@resource.post("/fetch", body=NewTicker, answer=WorkView, status=202, problems=(404, 409))
def fetch(body: NewTicker) -> Answer:
    """Have a job fetch the daily prices of a ticker from where PRICES_URL offers them.

    Its result is what an upload answers. While one with the same parameters is unfinished, it is
    that one. 404 where the ticker is not there, and its name or industry is missing; 409 where no
    source is configured.
    """
    _may_add()
    if not current_app.config["SETTINGS"].prices_source:
        raise Conflict("No source of prices is configured: upload them, or set PRICES_URL.")
    _require_known(body)
    return _submitted("prices.fetch", body)


@resource.post("/upload", body=UploadedTicker, answer=WorkView, status=202, problems=(404, 409))
def load(body: UploadedTicker) -> Answer:
    """Have a job write the daily prices of a ticker from an upload, plain or gzip, and delete that.

    The file is read before: 400 where a line is at fault, as of `POST /prices`. Its result is what
    that answers. 404 where the upload is not there or not yours, or the ticker is not there and
    its name or industry is missing; 409 where the upload is not complete.
    """
    _may_add()
    with db.session() as session:
        upload = store.find(session, body.upload, g.user.id)
    if upload is None:
        raise NotFound(f"There is no upload {body.upload}: it ended, or is not yours.")
    if not upload.complete:
        raise Conflict("The upload is not complete: send the rest of it first.")
    file = store.path(current_app.config["SETTINGS"].uploads_dir, upload.id)
    _require_known(body)
    try:
        with writing.slot():
            prices.of_file(file, body.symbol)
    except PricesError as error:
        raise Refusal(error) from None
    return _submitted("prices.load", body)


def _require_known(body: NewTicker) -> None:
    try:
        with db.session() as session:
            prices.ticker_of(session, prices.Listing(body.symbol, body.name, body.industry))
    except prices.UnknownTickerError as error:
        raise NotFound(sentence(error)) from None


def _submitted(kind: str, body: NewTicker) -> Answer:
    job = jobs.submit(
        kind,
        body.model_dump(mode="json"),
        submitted_by=getattr(current_user, "email", ""),
        request_id=g.get("request_id"),
    )
    location = url_for("api.jobs.show", id=job.id)
    return Answer(WorkView.model_validate(job), headers={"Location": location})


def _may_add() -> None:
    for table in ("tickers", prices.TABLE):
        bearer.may_use(table)
