"""The seeded daily prices against the package's own file, computed here without our code."""

from __future__ import annotations

import csv
import gzip
import io
import statistics
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from scripts.host.compose import image
from scripts.provision import seed
from scripts.provision.seeds import prices
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.series import catalog, rollups
from timestack.series.query import query

pytestmark = [pytest.mark.database, pytest.mark.editions("apache", "timescale")]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """The data set as it lies in the web image."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", image("web"), "cat",
         "/app/data/stocks.csv.gz"],
        capture_output=True, check=True,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("data") / "stocks.csv.gz"
    path.write_bytes(done.stdout)
    return path


@pytest.fixture(scope="module")
def source(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode())))


@pytest.fixture(scope="module")
def markets(provisioned: Database, file: Path) -> Database:
    list(seed.seed(provisioned.engine(), file.parent, (prices.SEED,)))
    with Session(provisioned.engine("app")) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE))
    return provisioned


def of(source, symbol: str, column: str) -> dict[date, float]:
    return {
        date.fromisoformat(row["Date"]): float(row[column])
        for row in source
        if row["Ticker"] == symbol
    }


def test_every_row_of_the_file_is_a_price(markets: Database, source) -> None:
    assert markets.sql("select count(*) from prices_daily") == str(len(source))
    found = markets.sql("select symbol from tickers order by 1").split()
    assert found == sorted({row["Ticker"] for row in source})
    assert markets.sql("select count(*) from tickers where name = '' or industry = ''") == "0"


def test_close_and_yearly_average_per_ticker(markets: Database, source) -> None:
    rows = markets.sql(
        "select t.symbol, avg(p.close), last(p.close, p.time) from prices_daily p"
        " join tickers t on t.id = p.ticker_id where p.time >= '2012-01-01' and"
        " p.time < '2013-01-01' group by 1"
    ).splitlines()
    assert len(rows) == 5
    for symbol, mean, last in (row.split("|") for row in rows):
        year = {d: v for d, v in of(source, symbol, "Close").items() if d.year == 2012}
        assert float(mean) == pytest.approx(statistics.fmean(year.values()))
        assert float(last) == year[max(year)]


def test_a_candle_of_a_week_is_made_of_its_days(markets: Database, source) -> None:
    monday = date(2012, 3, 5)
    week = [monday + timedelta(days=n) for n in range(7)]
    row = markets.sql(
        "select open_first, high_max, low_min, close_last, volume_sum, n from prices_daily_7d p"
        " join tickers t on t.id = p.ticker_id where symbol = 'AAPL' and bucket = '2012-03-05'"
    )
    columns = {name: of(source, "AAPL", name) for name in prices.COLUMNS}
    days = [day for day in week if day in columns["Open"]]
    assert [float(value) for value in row.split("|")] == [
        columns["Open"][days[0]],
        max(columns["High"][day] for day in days),
        min(columns["Low"][day] for day in days),
        columns["Close"][days[-1]],
        sum(columns["Volume"][day] for day in days),
        len(days),
    ]


def test_thirteen_years_are_read_from_the_weeks(markets: Database, source) -> None:
    ticker = int(markets.sql("select id from tickers where symbol = 'IBM'"))
    start, end = datetime(2000, 3, 1, tzinfo=UTC), datetime(2013, 3, 2, tzinfo=UTC)
    with Session(markets.engine("app")) as session:
        [series] = query(
            session,
            "prices_daily",
            {"ticker_id": ticker},
            start,
            end,
            300,
            value="close",
            declared=catalog.load(SCHEMA_FILE),
        )
    close = of(source, "IBM", "Close").values()
    assert series.bucket == timedelta(days=14)
    assert (series.min.min(), series.max.max()) == (min(close), max(close))


def test_the_seed_is_safe_to_run_again(markets: Database, file: Path) -> None:
    again = list(seed.seed(markets.engine(), file.parent, (prices.SEED,)))
    assert again == ["prices_daily: already seeded"]
