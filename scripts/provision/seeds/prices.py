"""Daily prices of five listed companies, March 2000 to March 2013, from bokeh_sampledata 2026.1.

The file has 12,154 rows. Its dates are trading days in New York without a time of day; a day's row
is stored at that date's 00:00 UTC. The file has only symbols: names and industries are below.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from scripts.provision.errors import Refused
from scripts.provision.seeds import Seed
from scripts.provision.seeds.stream import copy

COMPANIES = {
    "AAPL": ("Apple", "Consumer electronics"),
    "FB": ("Facebook", "Internet"),
    "GOOG": ("Google", "Internet"),
    "IBM": ("IBM", "Computer services"),
    "MSFT": ("Microsoft", "Software"),
}
COLUMNS = ("Open", "High", "Low", "Close", "Volume", "Adj Close")

ADD_TICKERS = """
insert into tickers (symbol, name, industry) values %s
    on conflict (symbol) do update set name = excluded.name, industry = excluded.industry
returning symbol, id
"""
COPY_PRICES = (
    "copy prices_daily (time, ticker_id, open, high, low, close, volume, adjusted_close) from stdin"
)


def prices(rows: Iterator[dict[str, str]], tickers: dict[str, int]) -> Iterator[str]:
    """Lines of COPY input, one per row. Raises Refused for a symbol that is not known."""
    for row in rows:
        if row["Ticker"] not in tickers:
            raise Refused(f"stocks.csv.gz: ticker {row['Ticker']} has no name and industry here")
        values = "\t".join(row[column] for column in COLUMNS)
        yield f"{row['Date']} 00:00:00+00\t{tickers[row['Ticker']]}\t{values}\n"


def load(cursor: Cursor, file: Path) -> int:
    """Add the tickers and copy their prices; returns the number of prices."""
    listed = [(symbol, *known) for symbol, known in COMPANIES.items()]
    tickers = dict(execute_values(cursor, ADD_TICKERS, listed, fetch=True))
    with gzip.open(file, "rt", newline="", encoding="utf-8") as opened:
        rows = csv.DictReader(opened)
        missing = {"Ticker", "Date", *COLUMNS} - set(rows.fieldnames or ())
        if missing:
            what = ", ".join(sorted(missing))
            raise Refused(f"{file}: has no column {what}: is it stocks.csv.gz?")
        return copy(cursor, COPY_PRICES, prices(rows, tickers))


SEED = Seed(
    "seed-stocks-2013",
    "prices_daily",
    "stocks.csv.gz",
    "bokeh_sampledata 2026.1: stocks.csv.gz",
    load,
)
