"""Daily prices of a ticker into their table, with the ticker where it is new: all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.prices.read import MOST_FAULTS, Day, Fault, Prices, PricesError, read
from timestack.domains.prices.splits import splits
from timestack.ingest import follow
from timestack.ingest.batch import Batch, Refused
from timestack.ingest.body import LARGEST, MIB, Stream
from timestack.ingest.errors import TooLargeError, WriteError
from timestack.ingest.insert import insert
from timestack.ingest.target import find, kept
from timestack.ingest.write import LONGER, UNPACK
from timestack.models.markets import DailyPrice, Ticker

TABLE = DailyPrice.__tablename__
LOCK = "timestack:prices"
EPOCH = date(1970, 1, 1)
MICROSECONDS = 86_400 * 10**6
PRICES = ("open", "high", "low", "close", "adjusted_close")


class UnknownTickerError(PricesError):
    """There is no such ticker, and it cannot be made of what was given."""

    def __init__(self, symbol: str, missing: str):
        super().__init__([Fault(0, f"there is no ticker {symbol} yet: give its {missing} as well")])


@dataclass(frozen=True)
class Listing:
    """Whose prices they are; ``name`` and ``industry`` are needed of a ticker that is new."""

    symbol: str
    name: str = ""
    industry: str = ""


def of_file(file: Path, symbol: str) -> Prices:
    """Read a file of the prices of a symbol, plain or gzip; raises PricesError with every fault."""
    try:
        with file.open("rb") as opened:
            packed = opened.read(2) == b"\x1f\x8b"
            opened.seek(0)
            data = Stream(opened, "gzip" if packed else None, LARGEST).read()
    except FileNotFoundError:
        raise PricesError([Fault(0, "the file is gone: upload it again")]) from None
    except TooLargeError:
        most = LARGEST // MIB
        raise PricesError(
            [Fault(0, f"the file has more than {most} MiB: send its days in several")]
        ) from None
    except WriteError:
        raise PricesError([Fault(0, "the file is not sound gzip: compress it again")]) from None
    return read(data, symbol)


def ticker_of(session: Session, listing: Listing) -> Ticker | None:
    """Return the ticker of a symbol, or None.

    Raises UnknownTickerError for one that is not there and could not be made.
    """
    ticker = session.scalar(select(Ticker).where(Ticker.symbol == listing.symbol))
    if ticker is None and not (listing.name and listing.industry):
        missing = [part for part in ("name", "industry") if not getattr(listing, part)]
        raise UnknownTickerError(listing.symbol, " and ".join(missing))
    return ticker


def add(session: Session, listing: Listing, prices: Prices) -> dict:
    """Write prices, over those of the same days; return what was done, as JSON has it.

    A ticker that is there keeps its name and its industry. The rollups follow after the commit,
    which is the caller's. Raises PricesError, and then the transaction is to be rolled back.
    """
    ticker, is_new = _kept_or_made(session, listing)
    before = 0 if is_new else _count(session, ticker)
    _write(session, ticker, prices.days)
    event.listen(session, "after_commit", lambda _: follow.ask(TABLE), once=True)
    return {
        "ticker": {name: getattr(ticker, name) for name in ("id", "symbol", "name", "industry")},
        "is_new": is_new,
        "rows": len(prices.days),
        "added": _count(session, ticker) - before,
        "first": prices.days[0].day.isoformat(),
        "last": prices.days[-1].day.isoformat(),
        "duplicates": prices.duplicates,
        "splits": [
            {"day": each.day.isoformat(), "ratio": f"{each.new}:{each.old}"}
            for each in splits(prices.days)
        ],
        "ignored": list(prices.ignored),
        "adjusted": prices.adjusted,
    }


def _kept_or_made(session: Session, listing: Listing) -> tuple[Ticker, bool]:
    """Return the ticker, and whether it is new; another addition waits for the commit."""
    # The rows of a first chunk lock the table of tickers, into which two had written.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(LOCK, 0))))
    if ticker := ticker_of(session, listing):
        return ticker, False
    made = Ticker(symbol=listing.symbol, name=listing.name, industry=listing.industry)
    session.add(made)
    session.flush()
    return made, True


def _count(session: Session, ticker: Ticker) -> int:
    rows = select(func.count()).select_from(DailyPrice).where(DailyPrice.ticker_id == ticker.id)
    return session.scalar(rows)


def _write(session: Session, ticker: Ticker, days: Sequence[Day]) -> None:
    connection, refused = session.connection(), Refused()
    target = kept(TABLE) or find(connection.connection.driver_connection, TABLE)
    try:
        with db.patient(connection, LONGER):
            connection.exec_driver_sql(UNPACK)
            insert(connection, target, _batch(ticker, days), refused, sure=True)
    except WriteError as error:
        raise PricesError([Fault(0, str(error))]) from None
    if len(refused):
        faults = [Fault(line, reason) for line, reason in refused.shown()]
        raise PricesError(faults[:MOST_FAULTS], len(refused))


def _batch(ticker: Ticker, days: Sequence[Day]) -> Batch:
    lines = np.array([each.line for each in days], np.int64)
    times = [(each.day - EPOCH).days * MICROSECONDS for each in days]
    columns = {
        "time": pa.array(times, pa.int64()),
        "ticker_id": pa.array([ticker.id] * len(days), pa.int64()),
        "volume": pa.array([each.volume for each in days], pa.int64()),
    }
    for name in PRICES:
        columns[name] = pa.array([getattr(each, name) for each in days], pa.float64())
    return Batch(lines, columns)
