"""Prices of tickers from where they are offered, and from files."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.jobs.kinds import PricesFileParams, PricesParams
from timestack.domains.jobs.steps import LaterError, PermanentError
from timestack.domains.prices import source
from timestack.domains.prices.read import Prices, PricesError, read
from timestack.domains.uploads import store
from timestack.ingest import prices
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks.job import job


@job("prices.fetch")
def fetch(session: Session, progress: Progress, params: PricesParams) -> dict:
    """Take in a ticker's prices, and the ticker where it is new; all of it or nothing."""
    template = Settings.load().prices_source
    if not template:
        raise PermanentError(
            "no source is configured: write PRICES_URL into .env and run `make up`"
        )
    listing = _listing(params)
    try:
        # In a transaction of its own: none is open while somebody else is waited for.
        with db.session() as other:
            prices.ticker_of(other, listing)
        answer = source.fetch(template, listing.symbol, progress)
        progress(0.5, f"reading {len(answer):,} bytes")
        return _write(session, progress, listing, read(answer, listing.symbol))
    except source.SourceError as error:
        raise (LaterError if error.passing else PermanentError)(str(error)) from None
    except PricesError as error:
        raise PermanentError(str(error)) from None


@job("prices.load")
def load(session: Session, progress: Progress, params: PricesFileParams) -> dict:
    """Take in a ticker's prices of an upload, as ``fetch`` does, and delete it."""
    folder = Settings.load().uploads_dir
    listing = _listing(params)
    progress(0.1, "reading the file")
    try:
        found = prices.of_file(store.path(folder, params.upload), listing.symbol)
        done = _write(session, progress, listing, found)
    except PricesError as error:
        raise PermanentError(str(error)) from None
    event.listen(
        session,
        "after_commit",
        lambda _: store.remove(folder, params.upload, None),
        once=True,
    )
    return done


def _listing(params: PricesParams) -> prices.Listing:
    return prices.Listing(params.symbol, params.name, params.industry)


def _write(session: Session, progress: Progress, listing: prices.Listing, found: Prices) -> dict:
    progress(0.7, f"writing {len(found.days):,} days")
    return prices.add(session, listing, found)
